//! Helm apps: HelmReleases whose charts have no counterpart in a lab.

use crate::app::Draft;
use crate::charts::Chart;
use crate::context::{Context, Needs};
use crate::files::Remark;
use crate::kustomize::shown;
use crate::names::{label, other_services, with_new_addresses};
use crate::native::routes_to;
use crate::objects::Object;
use crate::piece::{Fields, Piece};
use crate::read::read;
use crate::secrets;
use crate::substitute;
use crate::workload::Route;
use spec::types::{EnvName, Text as _, Version};
use std::collections::{BTreeMap, BTreeSet};
use yaml::{Node, Value};

/// The values of a HelmRelease, with those of ConfigMaps.
pub(crate) fn values(object: &Object, context_objects: &crate::objects::Objects, remarks: &mut Vec<Remark>) -> Value {
    let mut values = Value::map();
    for from in object.get(&["spec", "valuesFrom"]).map_or(&[][..], Node::items) {
        let text = |key| from.text_of(key).unwrap_or_default();
        let key = from.text_of("valuesKey").unwrap_or("values.yaml");
        let map = context_objects.find("ConfigMap", &object.namespace, text("name"));
        match map
            .filter(|_| text("kind") == "ConfigMap" && from.get("targetPath").is_none())
            .and_then(|map| map.text(&["data", key]))
        {
            Some(data) => {
                if let Some(document) = read(data).documents.first() {
                    values.merge(&document.to_value());
                }
            }
            None => remarks.push(Remark {
                at: object.place(from),
                text: format!("not carried over: values from the {} `{}`", shown(text("kind")), shown(text("name"))),
            }),
        }
    }
    if let Some(own) = object.get(&["spec", "values"]).filter(|own| !own.is_null()) {
        values.merge(&own.to_value());
    }
    values
}

/// Proposes a Helm app. The error lists why it cannot be one.
pub(crate) fn draft(object: &Object, chart: &Chart, name: &str, context: &Context<'_>) -> Result<Draft, Vec<Remark>> {
    let reason = |text: String| Remark { at: object.at.clone(), text };
    let mut reasons = Vec::new();
    if chart.repository.is_none() {
        reasons.push(reason(format!(
            "the chart `{}` is not from a Helm or OCI repository in the manifests",
            shown(&chart.name)
        )));
    }
    match &chart.version {
        None => {
            reasons.push(reason(format!("the version of the chart `{}` is not in the manifests", shown(&chart.name))));
        }
        Some(version) if Version::parse(version).is_err() => {
            reasons.push(reason(format!(
                "`{}` is not one version of the chart `{}`: choose one",
                shown(version),
                shown(&chart.name)
            )));
        }
        Some(_) => {}
    }
    let mut remarks = object.remarks.clone();
    let mut values = values(object, context.objects, &mut remarks);
    let mut needs = Needs::default();
    let env = secret_env(object, &values, context, &mut needs, &mut remarks);
    let renamed: BTreeSet<_> = env.1;
    let mut walk = Walk {
        object,
        app: name,
        context,
        renamed: &renamed,
        variables: BTreeSet::new(),
        moved: false,
        credential: None,
        addresses: BTreeSet::new(),
        classes: BTreeSet::new(),
        names_namespace: false,
        names_database: false,
        others: BTreeSet::new(),
    };
    walk.visit(&mut values, None);
    if let Some(path) = walk.credential {
        reasons.push(reason(format!(
            "the Helm value `{}` looks like a credential: move it to a Secret that the chart reads",
            shown(&path)
        )));
    }
    if walk.moved {
        remarks.push(reason("the addresses of Services in its values are those of the apps in the lab".to_owned()));
    }
    needs.addresses.extend(&walk.addresses);
    for class in &walk.classes {
        remarks.push(reason(format!("its values name the storage class `{}`: use one of the lab", shown(class))));
    }
    for address in &walk.others {
        remarks.push(reason(format!("its values name `{address}`, which is no app of the lab: set its address")));
    }
    if walk.names_database {
        remarks.push(reason(
            "its values name a database of CloudNativePG: set `database`, and the values that connect to it".to_owned(),
        ));
    }
    if walk.names_namespace && object.namespace != name {
        remarks.push(reason(format!(
            "its values name the namespace `{}`: in the lab it is `{name}`",
            shown(&object.namespace)
        )));
    }
    for name in walk.variables {
        remarks.push(reason(format!(
            "its values contain `${{{name}}}`, which is not in the manifests: set it, or use `--set {name}=VALUE`"
        )));
    }
    if object.get(&["spec", "postRenderers"]).is_some() {
        remarks.push(reason("not carried over: `postRenderers`; use `patches`".to_owned()));
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let mut fields = Fields::default();
    let mut helm = Fields::default();
    helm.add("chart", Piece::text(&chart.name));
    helm.add("repository", Piece::text(chart.repository.clone().unwrap_or_default()));
    helm.add("version", Piece::text(chart.version.clone().unwrap_or_default()));
    let routes = routes(object, context);
    let exposed = crate::ports::expose(&routes, context.domain, &mut remarks);
    if let (Some(_), Some(route)) = (&exposed, routes.first()) {
        if let Some(service) = route.service.as_ref().filter(|service| *service != name) {
            helm.add("service", Piece::text(service));
        }
        if let Some(port) = route.port.as_ref().and_then(|port| port.parse::<u16>().ok()).filter(|port| *port != 80) {
            helm.add("service-port", Piece::number(u32::from(port)));
        }
    }
    if !values.is_empty() {
        helm.add("values", Piece::Leaf(values));
    }
    fields.add("helm", helm.done());
    fields.add_some("env", env.0);
    if let Some(piece) = exposed {
        fields.add("expose", piece);
    }
    Ok(Draft { name: name.to_owned(), fields, needs, remarks, at: object.at.clone() })
}

/// The routes to Services of the release: those beside it, or to a Service whose name starts with that of the release.
fn routes(object: &Object, context: &Context<'_>) -> Vec<Route> {
    let mut services = BTreeSet::new();
    for kind in ["HTTPRoute", "Ingress"] {
        for (_, route) in context.objects.of_kind(kind).filter(|(_, route)| route.namespace == object.namespace) {
            let mut names = BTreeSet::new();
            backends(&route.node, &mut names);
            let is_beside = route.folder == object.folder;
            services.extend(names.into_iter().filter(|name| is_beside || name.starts_with(&object.name)));
        }
    }
    services.iter().flat_map(|service| routes_to(service, &object.namespace, context.objects)).collect()
}

/// The names of the Services that a route leads to.
fn backends(node: &Node, names: &mut BTreeSet<String>) {
    for (key, value) in node.entries() {
        match key.text() {
            Some("backendRefs") => {
                names.extend(value.items().iter().filter_map(|item| item.text_of("name").map(ToOwned::to_owned)));
            }
            Some("service") => names.extend(value.text_of("name").map(ToOwned::to_owned)),
            _ => backends(value, names),
        }
    }
    node.items().iter().for_each(|item| backends(item, names));
}

/// The keys of the app's Secret: those of the Secrets of the manifests that the values name. Also returns their names.
fn secret_env(
    object: &Object,
    values: &Value,
    context: &Context<'_>,
    needs: &mut Needs,
    remarks: &mut Vec<Remark>,
) -> (Piece, BTreeSet<String>) {
    let mut texts = BTreeSet::new();
    collect(values, &mut texts);
    let mut env: BTreeMap<String, Piece> = BTreeMap::new();
    let mut renamed = BTreeSet::new();
    let is_beside = |external: &&Object| external.namespace == object.namespace;
    let targets: BTreeSet<_> = ["ExternalSecret", "Secret"]
        .iter()
        .flat_map(|kind| context.objects.of_kind(kind).map(|(_, external)| external))
        .filter(is_beside)
        .map(|external| external.text(&["spec", "target", "name"]).unwrap_or(&external.name).to_owned())
        .filter(|name| texts.contains(name.as_str()))
        .collect();
    for target in targets {
        let keys = secrets::keys(context.objects, &object.namespace, &target);
        let fits = |keys: &Vec<String>| keys.iter().all(|key| EnvName::parse(key).is_ok() && !env.contains_key(key));
        match keys.filter(fits) {
            Some(keys) => {
                for name in keys {
                    let key = secrets::key(context.objects, &object.namespace, &target, &name);
                    needs.secret(&key);
                    let mut piece = Fields::default();
                    piece.add("secret", Piece::text(key.reference()));
                    env.insert(name, piece.done());
                }
                renamed.insert(target);
            }
            None => remarks.push(Remark {
                at: object.at.clone(),
                text: format!(
                    "its values name the Secret `{}`: create it in its namespace, with `manifests` of the app",
                    shown(&target)
                ),
            }),
        }
    }
    let mut fields = Fields::default();
    env.into_iter().for_each(|(name, piece)| fields.add(name, piece));
    (fields.done(), renamed)
}

fn collect<'a>(value: &'a Value, texts: &mut BTreeSet<&'a str>) {
    match value {
        Value::Str(text) => drop(texts.insert(text)),
        Value::Seq(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Map(entries) => entries.iter().for_each(|(_, value)| collect(value, texts)),
        _ => {}
    }
}

/// Adapts the texts of values, and looks for credentials.
struct Walk<'a> {
    object: &'a Object,
    app: &'a str,
    context: &'a Context<'a>,
    renamed: &'a BTreeSet<String>,
    variables: BTreeSet<String>,
    moved: bool,
    credential: Option<String>,
    /// Addresses of Services on the LAN.
    addresses: BTreeSet<std::net::Ipv4Addr>,
    classes: BTreeSet<String>,
    names_namespace: bool,
    names_database: bool,
    /// Addresses of Services that no app of the lab has.
    others: BTreeSet<String>,
}

impl Walk<'_> {
    fn visit(&mut self, value: &mut Value, key: Option<&str>) {
        match value {
            Value::Str(text) => {
                if self.renamed.contains(text.as_str()) {
                    self.app.clone_into(text);
                    return;
                }
                if self.context.pipeline.is_credential(key, text) {
                    self.credential.get_or_insert_with(|| key.unwrap_or("values").to_owned());
                }
                self.variables.extend(substitute::names(text));
                self.names_database |=
                    secrets::names_database(self.context.objects, &self.object.namespace, text).is_some();
                let lower = key.unwrap_or_default().to_ascii_lowercase();
                if lower.contains("storageclass") && !text.is_empty() && text != "-" {
                    self.classes.insert(text.clone());
                }
                if lower.contains("loadbalancerip") || lower.contains("lbipam") || lower.contains("lb-ipam") {
                    self.addresses
                        .extend(text.split(',').filter_map(|part| part.trim().parse::<std::net::Ipv4Addr>().ok()));
                }
                self.names_namespace |= text == self.object.namespace.as_str() && lower.contains("namespace");
                let new = with_new_addresses(text, &self.object.namespace, self.context.services, false);
                self.moved |= new != *text;
                self.others.extend(other_services(&new, self.context.services));
                *text = new;
            }
            Value::Seq(items) => items.iter_mut().for_each(|item| self.visit(item, key)),
            Value::Map(entries) => {
                for (key, value) in entries {
                    self.visit(value, Some(key));
                }
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
        }
    }
}

/// The name of the app of a release.
pub(crate) fn name_of(object: &Object) -> String {
    label(object.text(&["spec", "releaseName"]).unwrap_or(&object.name), 50, "app")
}
