//! Items of bills as FOCUS services and SKUs.

use crate::billing::Item;
use crate::units::Region;

/// What is measured, in words.
pub(super) const fn meter(item: Item) -> &'static str {
    match item {
        Item::MiniProgramTraffic => "Mini-program playback",
        Item::StandardTraffic => "Playback",
        Item::StandardPeak => "Playback, peak bandwidth of a day",
        Item::StandardMonthlyAverage => "Playback, mean of daily peak bandwidths",
        Item::StandardMonthly95 => "Playback, 95th percentile of bandwidth",
        Item::PluginLicence => "Mini-program plugin, one AppID for a year",
        Item::PushTraffic => "Upstream",
        Item::PushPeak => "Upstream, peak bandwidth of a day",
        Item::PackageTraffic => "Traffic that packages pay for",
        Item::TrafficPackage => "Traffic package",
        Item::TranscodingPackage => "Transcoding package",
        Item::Transcoding => "Transcoding",
        Item::PackageTranscoding => "Transcoding that packages pay for",
        Item::Recording => "Recording, most channels at a time",
        Item::Screenshot => "Screenshots",
        Item::PornDetection => "Porn detection",
        Item::MobileLicence => "Mobile live SDK, a year",
        Item::VodStorage => "Storage",
        Item::VodTraffic => "Playback on demand",
        Item::VodTranscoding => "Transcoding of files",
        Item::VodEditing => "Editing of files",
        Item::ImPlan => "Instant messaging plan, a month",
        Item::ImOverUse => "Instant messaging beyond the plan",
    }
}

/// ServiceName, ServiceCategory and ServiceSubcategory: of one service always the same.
pub(super) const fn service(item: Item) -> [&'static str; 3] {
    let (name, category, subcategory) = match item {
        Item::MiniProgramTraffic | Item::PluginLicence => {
            ("Mini-program Live", "Media", "Media Streaming")
        }
        Item::StandardTraffic
        | Item::StandardPeak
        | Item::StandardMonthlyAverage
        | Item::StandardMonthly95
        | Item::PushTraffic
        | Item::PushPeak
        | Item::PackageTraffic
        | Item::TrafficPackage
        | Item::TranscodingPackage
        | Item::Transcoding
        | Item::PackageTranscoding
        | Item::Recording
        | Item::Screenshot
        | Item::PornDetection => ("Live Streaming", "Media", "Media Streaming"),
        Item::MobileLicence => ("Mobile Live SDK", "Media", "Other (Media)"),
        Item::VodStorage | Item::VodTraffic | Item::VodTranscoding | Item::VodEditing => {
            ("Video on Demand", "Media", "Media Streaming")
        }
        Item::ImPlan | Item::ImOverUse => ("Instant Messaging", "Integration", "Messaging"),
    };
    [name, category, subcategory]
}

/// What one unit of its price is, in the form of FOCUS.
pub(super) const fn unit(item: Item) -> &'static str {
    match item {
        Item::StandardPeak
        | Item::StandardMonthlyAverage
        | Item::StandardMonthly95
        | Item::PushPeak => "Mb/Second",
        item => item.unit(),
    }
}

/// HostProviderName: who runs what a service runs on. A licence of an SDK runs nowhere of theirs.
pub(super) const fn host(item: Item, provider: &str) -> &str {
    match item {
        Item::MobileLicence => "Not Applicable",
        _ => provider,
    }
}

/// RegionName of a zone.
pub(super) const fn region_name(zone: Region) -> &'static str {
    match zone {
        Region::Unknown => "Unknown",
        Region::Mainland => "Mainland China",
        Region::Overseas => "Outside mainland China",
        Region::Ap1 => "Asia Pacific 1",
        Region::Ap2 => "Asia Pacific 2",
        Region::Ap3 => "Asia Pacific 3",
        Region::Na => "North America",
        Region::Eu => "Europe",
        Region::Me => "Middle East",
        Region::Af => "Africa",
        Region::Sa => "South America",
    }
}
