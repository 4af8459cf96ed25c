//! How the tables and columns that decide are found, and what is said when they are not.

use tandem::model::{Phase, Scope};

use super::{assert_no_orphan, assert_verified, business, count, of};
use crate::support::{self, Node, nodes};

#[tokio::test]
async fn what_cannot_be_found_is_refused_and_names_its_setting() {
    let (source, target) = support::databases("pagila", "pagila").await;
    let (_north, south) = nodes(&source, &target).await;
    let without_demo = Scope { without_demo: true, ..Scope::default() };
    let audit = Scope { audit_limit: Some(5), ..Scope::default() };
    let cases = [
        (business("1"), "TANDEM_BUSINESS_TABLE"),
        (without_demo, "TANDEM_BUSINESS_TABLE"),
        (audit, "TANDEM_AUDIT_TABLES"),
    ];
    for (scope, setting) in cases {
        let status = south.sync("pull", "north", &of(scope)).await;
        let error = status.error.unwrap();
        assert_eq!(status.phase, Phase::Failed);
        assert!(error.hint.contains(setting), "{error:?}");
    }

    let (source, target) = support::databases("shop", "shop_schema").await;
    let (_north, south) = nodes(&source, &target).await;
    let status = south.sync("pull", "north", &of(business("99"))).await;
    assert!(status.error.unwrap().message.contains("no business 99"));
    let demo = Scope { without_demo: true, ..business("7") };
    let status = south.sync("pull", "north", &of(demo)).await;
    assert!(status.error.unwrap().message.contains("is a demo business"));
    assert_eq!(count(&target, "businesses").await, 0);
}

#[tokio::test]
async fn settings_say_what_holds_the_businesses_and_what_is_audit() {
    let (source, target) = support::databases("pagila", "pagila_schema").await;
    let (mut north, mut south) = (Node::new("north", &source), Node::new("south", &target));
    north.peer("south", south.port());
    south.peer("north", north.port());
    north.set("TANDEM_BUSINESS_TABLE", "public.store");
    north.set("TANDEM_AUDIT_TABLES", "rental, payment");
    north.start().await;
    south.start().await;
    let scope = Scope { audit_limit: Some(50), ..business("2") };

    let status = south.sync("pull", "north", &of(scope)).await;

    assert_verified(&status);
    let inventory = "inventory where store_id = 2";
    assert_eq!(count(&target, inventory).await, count(&source, inventory).await);
    assert!(count(&target, "inventory").await < count(&source, "inventory").await);
    assert!(count(&target, "payment").await == 50, "no row points to a payment");
    assert_no_orphan(&target).await;
}
