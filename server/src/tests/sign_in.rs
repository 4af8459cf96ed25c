//! Signing in and out, and what a cookie is good for.

use axum::http::{Method, StatusCode};
use tandem::model::Code;

use super::support::{self, TOKEN, TestNode};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

async fn overview(node: &TestNode, headers: &[(&str, &str)]) -> StatusCode {
    node.call(Method::GET, "/api/admin/peers", headers, "").await.status
}

#[tokio::test]
async fn the_password_opens_a_session_and_signing_out_ends_it() {
    let node = support::start().await;
    let cookie = node.cookie().await;
    assert_eq!(overview(&node, &[("cookie", &cookie)]).await, StatusCode::OK);

    let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let answer = node.call(Method::POST, "/logout", &headers, "").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/login"));
    assert!(answer.header("set-cookie").contains("Max-Age=0"), "{answer:?}");
    assert_eq!(overview(&node, &[("cookie", &cookie)]).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_for_scripts_and_other_sites() {
    let node = support::start().await;
    let form = format!("password={}", support::PASSWORD.replace(' ', "+"));
    let plain = node.call(Method::POST, "/login", &[FORM], &form).await;
    let cookie = plain.header("set-cookie");
    assert!(cookie.starts_with("tandem-3000="), "{cookie}");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let tls = node.call(Method::POST, "/login", &[FORM, ("x-forwarded-proto", "https")], &form).await;
    let cookie = tls.header("set-cookie");
    assert!(cookie.starts_with("__Host-tandem=") && cookie.contains("Secure"), "{cookie}");
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[tokio::test]
async fn a_wrong_password_says_so_and_the_sixth_has_to_wait() {
    let node = support::start().await;
    for _ in 0..5 {
        let answer = node.call(Method::POST, "/login", &[FORM], "password=wrong").await;
        assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, Some(Code::Unauthorized)));
        assert_eq!(answer.header("set-cookie"), "");
    }
    let answer = node.call(Method::POST, "/login", &[FORM], "password=wrong").await;
    assert_eq!(answer.code(), Some(Code::TooManyRequests));
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let browser = [FORM, ("accept", "text/html,*/*")];
    let answer = node.call(Method::POST, "/login", &browser, "password=wrong").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/login?error=wait"));
}

#[tokio::test]
async fn after_signing_in_the_reader_is_where_he_wanted_to_be() {
    let node = support::start().await;
    let sent_away = node.call(Method::GET, "/history", &[], "").await;
    assert_eq!(sent_away.header("location"), "/login?next=/history");
    let form = format!("password={}&next=%2Fhistory", support::PASSWORD.replace(' ', "+"));
    let answer = node.call(Method::POST, "/login", &[FORM], &form).await;
    assert_eq!(answer.header("location"), "/history");
}

#[tokio::test]
async fn another_site_cannot_act_in_the_admins_name() {
    let node = support::start().await;
    let cookie = node.cookie().await;
    let body = format!(r#"{{"session_id":"{}"}}"#, "01890a5d-ac96-774b-bcce-b302099a8057");
    for (origin, expected) in [
        (&[][..], StatusCode::FORBIDDEN),
        (&[("origin", "null"), ("host", "node:3000")], StatusCode::FORBIDDEN),
        (&[("origin", "http://evil.example"), ("host", "node:3000")], StatusCode::FORBIDDEN),
        (&[("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
        (&[("sec-fetch-site", "same-site")], StatusCode::FORBIDDEN),
        (&[("sec-fetch-site", "same-origin")], StatusCode::NOT_FOUND),
        (&[("origin", "http://node:3000"), ("host", "node:3000")], StatusCode::NOT_FOUND),
    ] {
        let mut headers = vec![("cookie", cookie.as_str()), ("content-type", "application/json")];
        headers.extend(origin);
        let answer = node.call(Method::POST, "/api/admin/sync/cancel", &headers, &body).await;
        // Not found is the engine's answer: no such session. The request came through.
        assert_eq!(answer.status, expected, "{origin:?} {answer:?}");
    }
    let form = format!("password={}", support::PASSWORD.replace(' ', "+"));
    let foreign = [FORM, ("sec-fetch-site", "cross-site")];
    assert_eq!(node.call(Method::POST, "/login", &foreign, &form).await.status, StatusCode::FORBIDDEN);
    let foreign = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    assert_eq!(node.call(Method::POST, "/logout", &foreign, "").await.status, StatusCode::FORBIDDEN);
    assert_eq!(overview(&node, &[("cookie", &cookie)]).await, StatusCode::OK);
}

#[tokio::test]
async fn the_token_opens_the_api_and_a_wrong_one_does_not() {
    let node = support::start().await;
    for (value, expected) in [
        (format!("Bearer {TOKEN}"), StatusCode::OK),
        (format!("Bearer {TOKEN}x"), StatusCode::UNAUTHORIZED),
        ("Bearer ".to_owned(), StatusCode::UNAUTHORIZED),
        (format!("Basic {TOKEN}"), StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(overview(&node, &[("authorization", &value)]).await, expected, "{value}");
    }
    // A wrong token is not made good by a cookie.
    let cookie = node.cookie().await;
    let both = [("authorization", "Bearer wrong"), ("cookie", cookie.as_str())];
    assert_eq!(overview(&node, &both).await, StatusCode::UNAUTHORIZED);
}
