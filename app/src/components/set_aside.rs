//! The rows that a sync left out or an undo left alone, and why.

use leptos::prelude::*;
use tandem::model::{Kind, SetAside, SyncResult};

use crate::format;

#[component]
pub fn SetAsideRows(result: SyncResult, kind: Kind) -> impl IntoView {
    let all = result.set_aside;
    let did = match (kind, all) {
        (Kind::Undo, 1) => "was left as it is",
        (Kind::Undo, _) => "were left as they are",
        (_, 1) => "was left out",
        _ => "were left out",
    };
    let title = format!("{} {did}", format::counted(all, "row", "rows"));
    let shown = result.set_aside_rows.len() as u64;
    let others = match kind {
        Kind::Undo => "",
        _ => "; all of them stand in the target's table tandem.quarantine",
    };
    (all > 0).then(|| {
        view! {
            <section class="panel" aria-labelledby="aside">
                <div class="panel__head">
                    <h2 id="aside">{title.clone()}</h2>
                    {(shown < all).then(|| view! { <span class="note">{format!("the first {shown}{others}")}</span> })}
                </div>
                <table class="table table--stack">
                    <caption class="vh">{title}</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Table"</th>
                            <th scope="col">"Row"</th>
                            <th scope="col">"SQLSTATE"</th>
                            <th scope="col">"Reason"</th>
                        </tr>
                    </thead>
                    <tbody>{result.set_aside_rows.into_iter().map(line).collect_view()}</tbody>
                </table>
            </section>
        }
        .into_any()
    })
}

fn line(row: SetAside) -> AnyView {
    let state = if row.sqlstate.is_empty() { "–".to_owned() } else { row.sqlstate };
    view! {
        <tr>
            <th scope="row">{row.table}</th>
            <td class="breaks">{row.row}</td>
            <td class="soft" data-label="SQLSTATE">{state}</td>
            <td class="soft wide breaks">{row.reason}</td>
        </tr>
    }
    .into_any()
}
