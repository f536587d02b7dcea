//! Patches and Helm values keep the annotations by which an ingress controller admits only some networks or users.
//!
//! If the annotation is a list of policies, those of the user are added to it. Everything else that would remove or
//! replace the annotation is an error.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::{Admitted, Guard, Guarded, Patch, Unit};
use yaml::Value;

/// Returns a patch that keeps the guards of a unit. `span` is the place of its target.
pub(crate) fn keep_in_patch(mut patch: Patch, guards: &[Guarded], span: Span, diagnostics: &mut Diagnostics) -> Patch {
    let guards: Vec<_> = guards.iter().filter(|guarded| patch.fits(&guarded.object)).collect();
    for guarded in guards {
        if let Err(removed) = keep(&mut patch.merge, guarded.path, &guarded.guard) {
            let message = format!("the patch {removed} of {}", guarded.object);
            diagnostics.push(report(&guarded.guard, span, message).related(guarded.span, "exposed here"));
        }
    }
    patch
}

/// Changes the Helm values of the user so that they keep the guards of a unit.
pub(crate) fn keep_in_values(unit: &mut Unit, diagnostics: &mut Diagnostics) {
    let guards: Vec<_> = unit.guards.iter().filter(|guarded| guarded.path.starts_with(&VALUES)).cloned().collect();
    for guarded in guards {
        let Some(values) = unit.overrides() else { continue };
        if let Err(removed) = keep(values, &guarded.path[VALUES.len()..], &guarded.guard) {
            let message = format!("`values` {removed} of {}", guarded.object);
            diagnostics.push(report(&guarded.guard, guarded.span, message));
        }
    }
}

/// The path of Helm values in a HelmRelease.
const VALUES: [&str; 2] = ["spec", "values"];
fn report(guard: &Guard, span: Span, message: String) -> Diagnostic {
    let (code, own, help) = match guard.admits {
        Admitted::Networks => {
            let help = "to admit other networks, use `expose.allow` or `network.trusted`";
            (Code::NetworksUnguarded, "the names of your policies", help)
        }
        Admitted::Users => (Code::LoginUnguarded, "your own values", "to admit everyone, remove `expose.login`"),
    };
    let help = if guard.is_list {
        format!("set `{}` to {own}, and `{}` is added; {help}", guard.keys[0], guard.value)
    } else {
        help.to_owned()
    };
    Diagnostic::new(code, span, message).help(help)
}

/// The directive of a strategic merge patch that replaces or deletes a mapping instead of merging into it.
const DIRECTIVE: &str = "$patch";

/// Adds the value of a guard to annotations that replace it.
///
/// # Errors
/// If the annotations are removed, or the value is not one that another can be added to. The error is what happens
/// to the annotation.
fn keep(value: &mut Value, path: &[&str], guard: &Guard) -> Result<(), String> {
    let Some((key, below)) = path.split_first() else { return keep_in_annotations(value, guard) };
    let Value::Map(entries) = value else { return Ok(()) };
    match entries.iter_mut().find(|(name, _)| name == key) {
        None => Ok(()),
        Some((_, Value::Map(inner))) if inner.iter().any(|(name, _)| name == DIRECTIVE) => {
            Err(format!("replaces `{key}` with the annotation `{}`", guard.keys[0]))
        }
        Some((_, inner @ Value::Map(_))) => keep(inner, below, guard),
        Some(_) => Err(format!("removes `{key}` with the annotation `{}`", guard.keys[0])),
    }
}

fn keep_in_annotations(annotations: &mut Value, guard: &Guard) -> Result<(), String> {
    let Value::Map(entries) = annotations else { return Ok(()) };
    for (key, value) in entries.iter_mut().filter(|(key, _)| guard.keys.contains(&key.as_str())) {
        match value {
            Value::Str(text) if *text == guard.value => {}
            Value::Str(text) if guard.is_list && !text.trim().is_empty() => {
                if !text.split(',').any(|policy| policy.trim() == guard.value) {
                    *text = format!("{},{text}", guard.value);
                }
            }
            Value::Null => return Err(format!("removes the annotation `{key}`")),
            _ => return Err(format!("replaces the annotation `{key}`")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use yaml::Limits;

    fn kept(annotations: &str, is_list: bool) -> Result<String, String> {
        let value = "lan".to_owned();
        let guard = Guard { keys: &["policies", "policy"], value, is_list, admits: Admitted::Networks };
        let text = format!("metadata: {annotations}");
        let mut value = yaml::documents(&text, Limits::default()).0[0].to_value();
        keep(&mut value, &["metadata", "annotations"], &guard)?;
        let annotations = value.get("metadata").and_then(|metadata| metadata.get("annotations"));
        let policies = annotations.and_then(|annotations| annotations.get("policies")).and_then(Value::as_str);
        Ok(policies.unwrap_or_default().to_owned())
    }

    #[test]
    fn adds_policies_of_the_user_to_the_guard() {
        for (annotations, policies) in [
            ("{}", ""),
            ("{ annotations: { other: x } }", ""),
            ("{ annotations: { policies: lan } }", "lan"),
            ("{ annotations: { policies: rate } }", "lan,rate"),
            ("{ annotations: { policies: 'rate, lan' } }", "rate, lan"),
        ] {
            assert_eq!(kept(annotations, true).as_deref(), Ok(policies), "{annotations}");
        }
    }

    #[test]
    fn rejects_what_removes_the_guard() {
        for annotations in [
            "null",
            "{ annotations: null }",
            "{ annotations: { $patch: replace, other: x } }",
            "{ annotations: { policies: null } }",
            "{ annotations: { policies: '' } }",
            "{ annotations: { policies: 5 } }",
            "{ annotations: { policy: null } }",
        ] {
            assert!(kept(annotations, true).is_err(), "{annotations}");
        }
        // A list of networks is not one of policies.
        assert!(kept("{ annotations: { policies: 10.0.0.0/8 } }", false).is_err());
        assert_eq!(kept("{ annotations: { policies: lan } }", false).as_deref(), Ok("lan"));
    }
}
