//! Pricing regions of clients, as far as a log tells them.

/// The pricing region of a client.
///
/// Source: zone lists of the 2022 price list, BILLING §2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Region {
    /// The log does not say, or names a country that no zone lists.
    #[default]
    Unknown,
    /// Mainland China.
    Mainland,
    /// Outside mainland China, the log does not say where.
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
}
