//! The compiled module → the same without the code of lazy hydration, which no page of the panel uses.
//!
//! Leptos compiles every view a second time, for routes whose code is loaded when they are opened, and hides it behind
//! function pointers, where no compiler can see that nobody calls it: a tenth of the module. `hydrate_body`, which
//! `frontend` calls, never does. Were it called all the same, the browser would stop with "unreachable".

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use walrus::{FunctionBuilder, FunctionId, FunctionKind, Module};

/// The functions and what is made for them alone, by a part of their names.
const UNUSED: [&str; 2] = ["hydrate_async", "hydrate_from_template"];

/// Returns the module's bytes; what only the removed code needed is left for the bindings generator to clear away.
pub(crate) fn lazy_hydration(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut module = Module::from_buffer(&bytes).context("cannot read the module")?;
    let unused: Vec<FunctionId> = module
        .funcs
        .iter_local()
        .map(|(id, _)| id)
        .filter(|id| {
            let name = module.funcs.get(*id).name.as_deref().unwrap_or_default();
            UNUSED.iter().any(|part| name.contains(part))
        })
        .collect();
    // A module without names, or a Leptos with others, must not pass for one that was made small.
    ensure!(
        !unused.is_empty(),
        "the module names no function of lazy hydration; see scripts/xtask/src/prune.rs"
    );
    for id in unused {
        stop_there(&mut module, id);
    }
    Ok(module.emit_wasm())
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
