//! Pricing regions of clients, as far as a log tells them.
//!
//! What a log says of a client's country is never lost on the way to a price: mainland China is
//! `mainland`, a country of the zone table its zone, and any other country that is named is at least
//! `overseas`. Only a client of whom nothing is told is `unknown`. Which zone pays for the last two is a
//! rule of the catalogue, and every bill says how much of them it priced as what.

/// The pricing region of a client.
///
/// Source: zone lists of the 2022 price list, BILLING §2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Region {
    /// The log does not say.
    #[default]
    Unknown,
    /// Mainland China.
    Mainland,
    /// Outside mainland China, and the log does not say where, or names a country that no zone lists.
    Overseas,
    /// HK, SG, MO, VN, TH, NP, KH.
    Ap1,
    /// TW, JP, MY, ID, KR.
    Ap2,
    /// PH, IN, AU.
    Ap3,
    /// US, CA, MX.
    Na,
    /// NL, DE, RU, GB, IE, IT, ES, FR.
    Eu,
    /// AE, TR, QA, SA, BH.
    Me,
    /// ZA.
    Af,
    /// BR, CO.
    Sa,
}

impl Region {
    /// All regions; the position of a region is its number.
    pub const ALL: [Region; 11] = [
        Region::Unknown,
        Region::Mainland,
        Region::Overseas,
        Region::Ap1,
        Region::Ap2,
        Region::Ap3,
        Region::Na,
        Region::Eu,
        Region::Me,
        Region::Af,
        Region::Sa,
    ];

    /// The region of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Region::ALL.into_iter().find(|region| region.name() == name)
    }

    /// The name in tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Region::Unknown => "unknown",
            Region::Mainland => "mainland",
            Region::Overseas => "overseas",
            Region::Ap1 => "AP1",
            Region::Ap2 => "AP2",
            Region::Ap3 => "AP3",
            Region::Na => "NA",
            Region::Eu => "EU",
            Region::Me => "ME",
            Region::Af => "AF",
            Region::Sa => "SA",
        }
    }

    /// The region of an ISO 3166 two-letter country code, in either case.
    ///
    /// Codes that ISO 3166 leaves to its users name no country (`XX` and `ZZ` are written for an unknown
    /// one), but for `XK`, which all use for Kosovo; nor does `AP`, which stands for all of Asia.
    pub fn of_country(code: &[u8]) -> Self {
        let &[a, b] = code else {
            return Region::Unknown;
        };
        match &[a.to_ascii_uppercase(), b.to_ascii_uppercase()] {
            b"CN" => Region::Mainland,
            b"HK" | b"SG" | b"MO" | b"VN" | b"TH" | b"NP" | b"KH" => Region::Ap1,
            b"TW" | b"JP" | b"MY" | b"ID" | b"KR" => Region::Ap2,
            b"PH" | b"IN" | b"AU" => Region::Ap3,
            b"US" | b"CA" | b"MX" => Region::Na,
            b"NL" | b"DE" | b"RU" | b"GB" | b"IE" | b"IT" | b"ES" | b"FR" => Region::Eu,
            b"AE" | b"TR" | b"QA" | b"SA" | b"BH" => Region::Me,
            b"ZA" => Region::Af,
            b"BR" | b"CO" => Region::Sa,
            b"XK" => Region::Overseas,
            b"AA" | b"AP" | b"ZZ" | [b'Q', b'M'..=b'Z'] | [b'X', _] => Region::Unknown,
            [b'A'..=b'Z', b'A'..=b'Z'] => Region::Overseas,
            _ => Region::Unknown,
        }
    }

    /// The region's number, less than [`Region::ALL`]'s length.
    pub const fn index(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_region_is_its_place_in_the_list() {
        for (place, region) in Region::ALL.iter().enumerate() {
            assert_eq!(usize::from(region.index()), place);
        }
    }

    #[test]
    fn countries_map_to_the_zone_that_lists_them() {
        assert_eq!(Region::of_country(b"cn"), Region::Mainland);
        assert_eq!(Region::of_country(b"SG"), Region::Ap1);
        assert_eq!(Region::of_country(b"xx"), Region::Unknown);
        assert_eq!(Region::of_country(b"CHN"), Region::Unknown);
    }

    #[test]
    fn c6_a_country_that_no_zone_lists_is_overseas_and_no_country_is_unknown() {
        for code in [b"se", b"ng", b"SE", b"Ng", b"xk", b"eu", b"va"] {
            assert_eq!(Region::of_country(code), Region::Overseas, "{code:?}");
        }
        for code in [
            "", "-", "t1", "a1", "xx", "zz", "aa", "qm", "ap", "s", "s-", "swe",
        ] {
            let region = Region::of_country(code.as_bytes());
            assert_eq!(region, Region::Unknown, "{code}");
        }
    }
}
