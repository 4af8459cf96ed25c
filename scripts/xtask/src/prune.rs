//! The compiled module → the same without the code of lazy hydration, which no page of the panel uses.
//!
//! Leptos compiles every view a second time, for routes whose code is loaded when they are opened, and hides it behind
//! function pointers, where no compiler can see that nobody calls it: a tenth of the module. `hydrate_body`, which
//! `frontend` calls, never does. Were it called all the same, the browser would stop with "unreachable".

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rustc_demangle::demangle;
use walrus::{FunctionBuilder, FunctionId, FunctionKind, Module};

/// Returns the module's bytes; what only the removed code needed is left for the bindings generator to clear away.
pub(crate) fn lazy_hydration(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut module = Module::from_buffer(&bytes).context("cannot read the module")?;
    let lazy: Vec<FunctionId> = module
        .funcs
        .iter_local()
        .map(|(id, _)| id)
        .filter(|id| module.funcs.get(*id).name.as_deref().is_some_and(is_lazy))
        .collect();
    // A module without names, or a Leptos with others, must not pass for one that was made small.
    ensure!(
        !lazy.is_empty(),
        "the module names no function of lazy hydration; see scripts/xtask/src/prune.rs"
    );
    for id in lazy {
        stop_there(&mut module, id);
    }
    Ok(module.emit_wasm())
}

/// The bodies of `async fn hydrate_async`, and what makes them a boxed future for `AnyView`. No other function that has
/// to do with it: the optimiser merges functions whose code is equal, and gives the one that is left either name. These
/// two are equal to nothing else, because each names its own place in the source or its own future.
fn is_lazy(symbol: &str) -> bool {
    let name = format!("{:#}", demangle(symbol));
    let body = name.strip_suffix("::{{closure}}").or(name.strip_suffix("::{closure#0}"));
    let path = without_arguments(body.unwrap_or(&name));
    path.ends_with("into_any::hydrate_async") || (body.is_some() && path.ends_with("::hydrate_async"))
}

/// `a::b` of `a::b::<C, D<E>>`: the newer way to name functions writes types out.
fn without_arguments(path: &str) -> &str {
    if !path.ends_with('>') {
        return path;
    }
    let mut depth = 0;
    for (place, letter) in path.char_indices().rev() {
        match letter {
            // Of an arrow, not of a bracket.
            '>' if path[..place].ends_with('-') => {}
            '>' => depth += 1,
            '<' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return path[..place].trim_end_matches("::");
        }
    }
    path
}

/// Gives the function a body that only stops.
fn stop_there(module: &mut Module, id: FunctionId) {
    let ty = module.types.get(module.funcs.get(id).ty());
    let (params, results) = (ty.params().to_vec(), ty.results().to_vec());
    let args = params.iter().map(|param| module.locals.add(*param)).collect();
    let mut body = FunctionBuilder::new(&mut module.types, &params, &results);
    body.func_body().unreachable();
    module.funcs.get_mut(id).kind = FunctionKind::Local(body.local_func(args));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nothing_else_can_be_merged_with_is_taken_out() {
        let into_any = "_ZN53_$LT$T$u20$as$u20$tachys..view..any_view..IntoAny$GT$8into_any";
        let closure = "28_$u7b$$u7b$closure$u7d$$u7d$";
        let hash = "17h366980075807460bE";
        for (symbol, expected) in [
            (format!("{into_any}13hydrate_async{closure}{hash}"), true),
            (format!("{into_any}13hydrate_async{hash}"), true),
            (format!("{into_any}13hydrate_async{closure}{closure}{hash}"), false),
            (format!("{into_any}19hydrate_from_server{hash}"), false),
            (format!("_ZN4core3ptr39drop_in_place$LT$x..hydrate_async..y$GT${hash}"), false),
            (format!("_ZN6tachys4view6tuples13hydrate_async{hash}"), false),
            // The same by the newer way of naming: `<i32 as x::IntoAny>::into_any::hydrate_async::<x::Y<u8>>`.
            ("_RINvNvXCs1_1xlNtB4_7IntoAny8into_any13hydrate_asyncINtB4_1YhEEB4_".to_owned(), true),
            ("hydrate".to_owned(), false),
        ] {
            assert_eq!(is_lazy(&symbol), expected, "{symbol}");
        }
    }
}
