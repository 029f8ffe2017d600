//! The rules that charges cite, each in a sentence.

/// Rules by number. Where no source states one, the sentence says so.
const RULES: [(&str, &str); 51] = [
    (
        "R01",
        "a plugin licence costs its list price, once, when it is bought",
    ),
    (
        "R02",
        "a licence is valid for one year from the day on which it was bought",
    ),
    ("R03", "one licence binds one AppID"),
    (
        "R04",
        "licences that one account buys for one AppID follow on from each other",
    ),
    (
        "R05",
        "a licence bought after expiry begins anew on that day (no source says so)",
    ),
    (
        "R06",
        "licences of different accounts for one AppID do not extend each other",
    ),
    (
        "R07",
        "a licence is bought while its plugin is pending payment, active or expired",
    ),
    (
        "R08",
        "what was bought in the beta keeps what is left of its validity",
    ),
    (
        "R09",
        "mini-program traffic is billed whether or not a licence is valid (no source says so)",
    ),
    (
        "R10",
        "buying a licence does not make the mini-program pass its review",
    ),
    (
        "R11",
        "downstream playback of a mini-program domain has one price per GB",
    ),
    (
        "R12",
        "units are decimal: 1 GB is 10^9 bytes, 1 TB is 1000 GB",
    ),
    (
        "R13",
        "mini-program traffic is charged on the 1st for the month before",
    ),
    (
        "R14",
        "days and months are those of Beijing (no source says so for this month)",
    ),
    (
        "R15",
        "it is paid afterwards, without a free quota; no usage, no line",
    ),
    (
        "R16",
        "the domain alone decides, whatever it was watched with",
    ),
    ("R17", "upstream to a push domain is not playback"),
    (
        "R18",
        "standard packages never pay for mini-program traffic that has its own price",
    ),
    (
        "R19",
        "a domain that becomes a mini-program domain is one for all of that month",
    ),
    (
        "R20",
        "the instant of the addition decides the month, to the second",
    ),
    (
        "R21",
        "what was settled as standard traffic before may be credited (no source says so)",
    ),
    (
        "R22",
        "a mini-program domain never becomes a standard one again",
    ),
    (
        "R23",
        "traffic of unknown domains is told and never priced (no source says how)",
    ),
    (
        "R24",
        "bytes count as logged, whatever the status (no source says so)",
    ),
    (
        "R25",
        "mini-program traffic has one price in all regions (no source says so)",
    ),
    (
        "R26",
        "traffic is not refunded; a negative line corrects metering",
    ),
    ("R27", "the provider's own listing says what a domain is"),
    (
        "R30",
        "the detail has 8 places, what is paid has 2, and one line makes them agree",
    ),
    (
        "R31",
        "a half is rounded away from zero (no source says so)",
    ),
    ("R32", "usage of a month may be charged with a later one"),
    (
        "R33",
        "standard traffic is settled by account; shares of domains add up to it",
    ),
    (
        "R40",
        "a licence is refunded for a category mismatch, within 14 days and 20 GB, without abuse",
    ),
    (
        "R41",
        "20,000,000,000 bytes are within the limit, one more is not",
    ),
    ("R42", "the 14 days run from the first licence bought"),
    (
        "R43",
        "what 14 days are is silent: 336 hours, or days that include the first",
    ),
    (
        "R44",
        "first is by account, and all its mini-program domains count (no source says so)",
    ),
    (
        "R45",
        "logs show less than is billed, so close below the limit nothing is certain",
    ),
    ("R46", "a banned account gets no refund"),
    (
        "R47",
        "value-added services follow their own rules of refund",
    ),
    ("R48", "a suspicious request may be refused"),
    (
        "R50",
        "24 hours after the balance went below zero, service is suspended",
    ),
    ("R51", "recordings cannot be reached while in arrears"),
    (
        "R52",
        "pictures stay 24 hours, are then out of reach, and are destroyed after 120 days",
    ),
    (
        "R53",
        "streams that run are not cut at once, and are charged",
    ),
    ("R54", "leaving takes a ticket"),
    (
        "R60",
        "what is billed is more than what is logged, by a factor that is shown",
    ),
    ("R61", "a live log has 20 fields, and the fifth counts"),
    (
        "R62",
        "an offline log has 15 fields, and the fifth counts, headers included",
    ),
    ("R63", "a log file grows for hours after its hour"),
    (
        "R64",
        "the provider's own samples come late and are corrected at night",
    ),
    ("R65", "bandwidth is the bytes of 5 minutes × 8 / 300 s"),
];

/// What a rule says; `None` if there is no such rule.
pub fn rule(id: &str) -> Option<&'static str> {
    let found = RULES.iter().find(|(known, _)| *known == id);
    found.map(|(_, sentence)| *sentence)
}

/// The numbers of all rules, in order.
pub fn rules() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(id, _)| *id)
}
