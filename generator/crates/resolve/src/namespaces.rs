//! Labels of namespaces that follow from what is in them, and the access that comes with a label.

use model::contract::{INGRESS_LABEL, STORE_LABEL};
use model::{NamespaceName, Unit};
use platform::Context;
use std::collections::BTreeSet;

/// Labels the namespaces with objects that the ingress controller or the secret store reads. The unit that creates a
/// namespace also gives the ingress controller access to its Secrets: with the label but without access, the controller
/// would wait.
pub(crate) fn label(units: &mut [&mut Unit], context: &Context<'_>) {
    let having = |has: fn(&Unit) -> bool| -> BTreeSet<NamespaceName> {
        units.iter().filter(|unit| has(unit)).map(|unit| unit.namespace.name.clone()).collect()
    };
    let (routed, stored) = (having(Unit::is_routed), having(Unit::reads_store));
    for unit in units {
        let mut bindings = Vec::new();
        for namespace in unit.namespaces_mut() {
            if routed.contains(&namespace.name) {
                namespace.label(INGRESS_LABEL);
                bindings.extend(platform::secrets_binding(context, &namespace.name));
            }
            if let Some(store) = platform::store_name(context).filter(|_| stored.contains(&namespace.name)) {
                namespace.label((STORE_LABEL, store));
            }
        }
        unit.extend(bindings);
    }
}
