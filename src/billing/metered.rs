//! What other meters count, since no log of playback tells it: records of services and their variants.
//!
//! Source: BILLING §3 (267/39889, 267/52707, 266/2838; read 2026-11).

use super::catalogue::Item;
use crate::units::Region;

/// A service that is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Variants: see [`transcoding_variant`] and [`AUDIO`]. Seconds.
    Transcoding,
    /// Channels.
    Recording,
    /// Pictures.
    Screenshot,
    /// Pictures.
    PornDetection,
    /// Variants: `basic`, `enterprise`. Licences of a year; what comes with a traffic package is none.
    MobileLicence,
    /// Variants: none, or `infrequent`, `archive`, `deep-archive`; in the mainland or overseas. Bytes.
    VodStorage,
    /// In a zone. Bytes.
    VodTraffic,
    /// Variants: see [`vod_variant`], [`AUDIO`], and `remux`. Seconds.
    VodTranscoding,
    /// Variants: see [`vod_variant`]. Seconds.
    VodEditing,
    /// Variants: `trial`, `pro`, `flagship`. Months.
    ImPlan,
    /// Variants: `users` (of a day, active), `groups`. What is beyond the plan.
    ImOverUse,
}

/// The variant of transcoding to audio alone.
pub const AUDIO: &str = "audio";

/// What video is coded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// H.264.
    H264,
    /// H.265.
    H265,
    /// H.264 at top speed.
    TopSpeedH264,
    /// H.265 at top speed.
    TopSpeedH265,
}

impl Codec {
    const fn name(self) -> &'static str {
        match self {
            Codec::H264 => "h264",
            Codec::H265 => "h265",
            Codec::TopSpeedH264 => "top-speed-h264",
            Codec::TopSpeedH265 => "top-speed-h265",
        }
    }
}

/// What a meter counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metered {
    /// Who used it.
    pub account: String,
    /// What.
    pub service: Service,
    /// Which of it, see [`Service`]; empty where there is only one.
    pub variant: String,
    /// Where, for services whose price depends on it; else the mainland.
    pub zone: Region,
    /// When: a day since 1970-01-01 by the billing clock.
    pub day: i32,
    /// How much, in the unit that [`Service`] tells.
    pub quantity: u64,
}

/// The variant of video of a size in pixels, such as `h264-720p`: the smallest class that holds its
/// long and its short side.
pub fn transcoding_variant(codec: Codec, width: u32, height: u32) -> String {
    const CLASSES: [(u32, u32, &str); 4] = [
        (640, 480, "480p"),
        (1280, 720, "720p"),
        (1936, 1088, "1080p"),
        (2560, 1440, "2k"),
    ];
    let (long, short) = (width.max(height), width.min(height));
    let class = CLASSES
        .iter()
        .find(|class| long <= class.0 && short <= class.1);
    format!("{}-{}", codec.name(), class.map_or("4k", |class| class.2))
}

/// The variant of a file of a size in pixels, such as `h264-720p`: the smallest class that holds its
/// shorter side, as [`transcoding_variant`] is of live streams.
pub fn vod_variant(codec: Codec, width: u32, height: u32) -> String {
    const CLASSES: [(u32, &str); 4] = [(480, "480p"), (720, "720p"), (1080, "1080p"), (1440, "2k")];
    let short = width.min(height);
    let class = CLASSES.iter().find(|class| short <= class.0);
    format!("{}-{}", codec.name(), class.map_or("4k", |class| class.1))
}

impl Service {
    /// All services.
    pub const ALL: [Service; 11] = [
        Service::Transcoding,
        Service::Recording,
        Service::Screenshot,
        Service::PornDetection,
        Service::MobileLicence,
        Service::VodStorage,
        Service::VodTraffic,
        Service::VodTranscoding,
        Service::VodEditing,
        Service::ImPlan,
        Service::ImOverUse,
    ];

    /// The item of its charges.
    pub const fn item(self) -> Item {
        match self {
            Service::Transcoding => Item::Transcoding,
            Service::Recording => Item::Recording,
            Service::Screenshot => Item::Screenshot,
            Service::PornDetection => Item::PornDetection,
            Service::MobileLicence => Item::MobileLicence,
            Service::VodStorage => Item::VodStorage,
            Service::VodTraffic => Item::VodTraffic,
            Service::VodTranscoding => Item::VodTranscoding,
            Service::VodEditing => Item::VodEditing,
            Service::ImPlan => Item::ImPlan,
            Service::ImOverUse => Item::ImOverUse,
        }
    }

    /// The service of an item; `None` where it is none.
    pub fn of_item(item: Item) -> Option<Self> {
        let mut all = Service::ALL.into_iter();
        all.find(|service| service.item() == item)
    }
}
