//! Which currencies prices can be in.
//!
//! The alphabetic codes of ISO 4217 in which anybody pays, in force at any time since 2020, because
//! catalogues are dated. Not among them: names that are no code (`RMB` is `CNY`), the code for no currency
//! (`XXX`), that for tests (`XTS`), metals, units of account and codes of funds.
//! Source: ISO 4217 list one, amendments up to 180 (read 2026-11).

use super::CatalogueError;

/// Sorted.
const CODES: [&str; 161] = [
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT",
    "BGN", "BHD", "BIF", "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD",
    "CDF", "CHF", "CLP", "CNY", "COP", "CRC", "CUC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP",
    "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF",
    "GTQ", "GYD", "HKD", "HNL", "HRK", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR", "ISK",
    "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK",
    "LBP", "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU",
    "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR",
    "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR",
    "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SLL", "SOS", "SRD", "SSP", "STN", "SVC",
    "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX",
    "USD", "UYU", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XCG", "XOF", "XPF",
    "YER", "ZAR", "ZMW", "ZWG", "ZWL",
];

/// Refuses a code that is none of a currency.
pub(super) fn check(code: &str, origin: &str) -> Result<(), CatalogueError> {
    problem(code).map_or(Ok(()), |problem| {
        Err(CatalogueError::Value {
            place: origin.to_owned(),
            problem,
        })
    })
}

/// Why a code is none of a currency, if it is not.
pub(in crate::billing) fn problem(code: &str) -> Option<String> {
    CODES.binary_search(&code).is_err().then(|| {
        format!("`{code}` is no currency in which prices can be; write its ISO 4217 code, such as CNY or USD")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c1_the_codes_are_sorted_and_each_there_once() {
        assert!(CODES.is_sorted_by(|a, b| a < b));
        assert!(CODES.iter().all(|code| code.len() == 3));
    }
}
