//! Light, dark or the system's: kept in a cookie, so that the server already sends the right page and nothing flashes.

/// What the reader has chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Theme; 3] = [Theme::System, Theme::Light, Theme::Dark];

    pub fn label(self) -> &'static str {
        match self {
            Theme::System => "Auto",
            Theme::Light => "Light",
            Theme::Dark => "Dark",
        }
    }

    /// For `data-theme` on `<html>`; none follows the system.
    pub fn attribute(self) -> Option<&'static str> {
        match self {
            Theme::System => None,
            Theme::Light => Some("light"),
            Theme::Dark => Some("dark"),
        }
    }

    /// Reads the header `cookie: a=1; theme=dark`.
    pub fn from_cookies(cookies: &str) -> Self {
        let value = cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("theme="));
        Self::ALL.into_iter().find(|theme| value.is_some() && theme.attribute() == value).unwrap_or_default()
    }

    /// The theme of the request that is being answered.
    #[cfg(feature = "ssr")]
    pub fn of_request() -> Self {
        let parts = leptos::prelude::use_context::<axum::http::request::Parts>();
        let cookies = parts.as_ref().and_then(|parts| parts.headers.get(axum::http::header::COOKIE));
        cookies.and_then(|cookies| cookies.to_str().ok()).map(Self::from_cookies).unwrap_or_default()
    }

    /// Applies to the open page and to the next ones.
    #[cfg(feature = "hydrate")]
    pub fn apply(self) {
        use leptos::prelude::document;
        use wasm_bindgen::JsCast;

        if let Some(root) = document().document_element() {
            let done = match self.attribute() {
                Some(theme) => root.set_attribute("data-theme", theme),
                None => root.remove_attribute("data-theme"),
            };
            if let Err(error) = done {
                leptos::logging::warn!("cannot set the colour scheme: {error:?}");
            }
        }
        let cookie = match self.attribute() {
            Some(theme) => format!("theme={theme}; path=/; max-age=31536000; samesite=lax"),
            None => "theme=; path=/; max-age=0; samesite=lax".to_owned(),
        };
        let document = document().unchecked_into::<web_sys::HtmlDocument>();
        if let Err(error) = document.set_cookie(&cookie) {
            leptos::logging::warn!("cannot keep the colour scheme: {error:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_decides() {
        for (cookies, theme) in [
            ("", Theme::System),
            ("tandem=abc", Theme::System),
            ("tandem=abc; theme=dark", Theme::Dark),
            ("theme=light", Theme::Light),
            ("theme=\"><script>", Theme::System),
            ("mytheme=dark", Theme::System),
        ] {
            assert_eq!(Theme::from_cookies(cookies), theme, "{cookies}");
        }
    }
}
