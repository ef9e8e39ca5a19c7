//! The kinds of receivers, one file each.

pub(crate) mod alertmanager;
pub(crate) mod command;
pub(crate) mod dingtalk;
pub(crate) mod email;
pub(crate) mod feishu;
pub(crate) mod robot;
pub(crate) mod syslog;
pub(crate) mod template;
pub(crate) mod webhook;
pub(crate) mod wecom;

/// What a receiver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Prometheus Alertmanager, one or the members of a cluster.
    Alertmanager,
    /// Any address that takes JSON.
    Webhook,
    /// Mail.
    Email,
    /// A robot of DingTalk (钉钉).
    Dingtalk,
    /// A robot of Feishu (飞书, Lark).
    Feishu,
    /// A robot of WeCom (企业微信).
    Wecom,
    /// RFC 5424.
    Syslog,
    /// A program on this machine.
    Command,
}

const HTTP_FIELDS: [&str; 5] = [
    "allow_private",
    "allow_plaintext",
    "proxy",
    "proxy_file",
    "ca_file",
];

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Alertmanager,
        Self::Webhook,
        Self::Email,
        Self::Dingtalk,
        Self::Feishu,
        Self::Wecom,
        Self::Syslog,
        Self::Command,
    ];

    /// As it is written in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::Webhook => "webhook",
            Self::Email => "email",
            Self::Dingtalk => "dingtalk",
            Self::Feishu => "feishu",
            Self::Wecom => "wecom",
            Self::Syslog => "syslog",
            Self::Command => "command",
        }
    }

    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether a field may be written for this kind.
    pub(crate) fn has(self, field: &str) -> bool {
        let own: &[&str] = match self {
            Self::Alertmanager => &["urls", "username", "password_file", "bearer_file"],
            Self::Webhook => &[
                "url",
                "url_file",
                "language",
                "utc_offset",
                "secret_file",
                "username",
                "password_file",
                "bearer_file",
                "headers",
                "template",
                "template_file",
                "content_type",
            ],
            Self::Email => &[
                "language",
                "utc_offset",
                "allow_private",
                "allow_plaintext",
                "ca_file",
                "username",
                "password_file",
                "server",
                "tls",
                "from",
                "to",
            ],
            Self::Dingtalk | Self::Feishu => {
                &["url", "language", "utc_offset", "token_file", "secret_file"]
            }
            Self::Wecom => &["url", "language", "utc_offset", "token_file"],
            Self::Syslog => &[
                "language",
                "allow_private",
                "server",
                "transport",
                "framing",
                "facility",
            ],
            Self::Command => &["argv"],
        };
        let is_http = !matches!(self, Self::Email | Self::Syslog | Self::Command);
        own.contains(&field) || (is_http && HTTP_FIELDS.contains(&field))
    }

    /// Whether addresses of private networks are allowed where nothing is written.
    ///
    /// Mail, syslog and Alertmanager stand in one's own network nearly everywhere. The robots' services are public, and a webhook may
    /// be anywhere: a name of theirs that leads inside is a mistake or an attack unless somebody says that it is meant.
    pub(crate) fn is_private_by_default(self) -> bool {
        matches!(self, Self::Alertmanager | Self::Email | Self::Syslog)
    }
}
