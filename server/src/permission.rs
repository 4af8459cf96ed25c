//! A request's method and path → what its caller must be; what the table does not name does not exist.

use axum::http::Method;

/// Who may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permission {
    Anyone,
    /// An admin at a browser: others are led to the sign-in page.
    Page,
    /// A panel session or the API token.
    Admin,
    /// A node that signs with the registration key; never a cookie.
    Peer,
    AdminOrPeer,
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) method: Method,
    /// `{name}` stands for one segment, `{*name}` for all the rest.
    pub(crate) path: &'static str,
    pub(crate) permission: Permission,
}

pub(crate) const fn rule(method: Method, path: &'static str, permission: Permission) -> Rule {
    Rule { method, path, permission }
}

/// What the table says about a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Needs(Permission),
    /// The path exists, for these methods only.
    WrongMethod(Vec<Method>),
    Unknown,
}

/// HEAD is allowed wherever GET is, as in every HTTP server.
pub(crate) fn look_up(rules: &[Rule], method: &Method, path: &str) -> Verdict {
    let of = |wanted: &Method| {
        rules
            .iter()
            .find(|rule| rule.method == *wanted && matches(rule.path, path))
            .map(|rule| rule.permission)
    };
    let found = of(method).or_else(|| if *method == Method::HEAD { of(&Method::GET) } else { None });
    if let Some(permission) = found {
        return Verdict::Needs(permission);
    }
    let allowed: Vec<Method> =
        rules.iter().filter(|rule| matches(rule.path, path)).map(|rule| rule.method.clone()).collect();
    if allowed.is_empty() { Verdict::Unknown } else { Verdict::WrongMethod(allowed) }
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut wanted = pattern.split('/');
    let mut given = path.split('/');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(segment), Some(rest)) if segment.starts_with("{*") => return !rest.is_empty(),
            (Some(segment), Some(text)) if segment.starts_with('{') && !text.is_empty() => {}
            (Some(segment), Some(text)) if segment == text => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_known_only_as_the_table_writes_it() {
        for (pattern, path, expected) in [
            ("/", "/", true),
            ("/", "", false),
            ("/history", "/history", true),
            ("/history", "/history/", false),
            ("/history", "//history", false),
            ("/history/{id}", "/history/7", true),
            ("/history/{id}", "/history/", false),
            ("/history/{id}", "/history/7/8", false),
            ("/pkg/{*file}", "/pkg/a/b.js", true),
            ("/pkg/{*file}", "/pkg/", false),
            ("/api/sync/hello", "/api/sync/hello%2F", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_wrong_method_is_told_apart_from_an_unknown_path() {
        let rules =
            [rule(Method::GET, "/a", Permission::Admin), rule(Method::PATCH, "/b/{id}", Permission::Peer)];
        assert_eq!(look_up(&rules, &Method::GET, "/a"), Verdict::Needs(Permission::Admin));
        assert_eq!(look_up(&rules, &Method::HEAD, "/a"), Verdict::Needs(Permission::Admin));
        assert_eq!(look_up(&rules, &Method::HEAD, "/b/1"), Verdict::WrongMethod(vec![Method::PATCH]));
        assert_eq!(look_up(&rules, &Method::TRACE, "/a"), Verdict::WrongMethod(vec![Method::GET]));
        assert_eq!(look_up(&rules, &Method::GET, "/c"), Verdict::Unknown);
    }
}
