//! A fingerprint as a comb: one tooth per lane of tables. Equal databases are mirror images.

use leptos::prelude::*;
use tandem::model::Fingerprint;

use crate::format;

/// What the comb of one side shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Teeth {
    pub own: Option<Fingerprint>,
    /// What it is compared with; lanes that differ stand off the edge.
    pub other: Option<Fingerprint>,
    /// Proven equal, not only by these 16 digits.
    pub is_equal: bool,
}

impl Teeth {
    /// Length and whether it differs, one a lane; none when never compared.
    fn lanes(&self) -> Vec<Option<(u32, bool)>> {
        let digit = |print: &Option<Fingerprint>, lane: usize| {
            print.as_ref().and_then(|print| print.lanes.chars().nth(lane)?.to_digit(16))
        };
        (0..16)
            .map(|lane| {
                let own = digit(&self.own, lane)?;
                let differs = digit(&self.other, lane).is_some_and(|other| other != own);
                Some((own, differs && !self.is_equal))
            })
            .collect()
    }

    fn label(&self, name: &str) -> String {
        match &self.own {
            Some(print) => format!("Fingerprint of {name}: {}", format::fingerprint(print)),
            None => format!("{name} was not compared yet"),
        }
    }
}

#[component]
pub fn Comb(teeth: Teeth, name: String) -> impl IntoView {
    let tooth = |lane: Option<(u32, bool)>| {
        let (length, differs) = lane.unwrap_or_default();
        view! { <i data-v=length.to_string() data-differs=differs.then_some("")></i> }
    };
    let class = if teeth.own.is_some() { "comb" } else { "comb comb--unknown" };
    view! {
        <div class=class data-equal=teeth.is_equal.then_some("") role="img" aria-label=teeth.label(&name)>
            {teeth.lanes().into_iter().map(tooth).collect_view()}
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(lanes: &str) -> Option<Fingerprint> {
        Some(Fingerprint { lanes: lanes.to_owned(), tables: 16, rows: 1, at_us: 0 })
    }

    #[test]
    fn lanes_that_differ_stand_off() {
        let teeth =
            Teeth { own: print("0f00000000000000"), other: print("0e00000000000000"), is_equal: false };
        assert_eq!(teeth.lanes()[..3], [Some((0, false)), Some((15, true)), Some((0, false))]);
    }

    #[test]
    fn without_a_fingerprint_there_are_sixteen_dots() {
        assert_eq!(Teeth::default().lanes(), vec![None; 16]);
    }
}
