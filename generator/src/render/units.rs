//! A unit of the platform as files: the folder that its Kustomization applies, and that itself.

use super::engine::{
    EXTERNAL_SECRET, Engine, FLUX_UNIT, HELM_RELEASE, HELM_REPOSITORY, KUSTOMIZATION, NAMESPACE, OCI_REPOSITORY,
};
use super::{Owner, Page};
use crate::lab::{
    ChartSource, ExternalSecret, HealthExpression, Manifest, Namespace, Patch, PodSecurity, Release, Unit,
};
use crate::platform::STORE_NAME;
use diagnostic::Span;
use minijinja::context;
use minijinja::value::Serde;
use yaml::{self, Value};

/// Files of a unit's folder, in the order in which a reader wants them.
pub(super) type FolderFiles = Vec<FolderFile>;

/// A file of a unit's folder.
pub(super) struct FolderFile {
    name: String,
    text: String,
    origin: Option<(String, Span)>,
}

impl FolderFile {
    pub(super) fn new(name: impl Into<String>, text: String) -> Self {
        Self { name: name.into(), text, origin: None }
    }

    /// The copy of a user's file.
    pub(super) fn copy(manifest: &Manifest, engine: &Engine) -> Self {
        Self {
            name: manifest.file.clone(),
            text: engine.with_header(&manifest.text),
            origin: Some((manifest.path.clone(), manifest.span)),
        }
    }
}

pub(super) fn pages(cluster: &str, unit: &Unit, engine: &Engine) -> Result<Vec<Page>, String> {
    let mut files = FolderFiles::new();
    if let Some(pods) = unit.namespace.create {
        files.push(namespace(&unit.namespace, pods, engine)?);
    }
    for secret in &unit.secrets {
        files.push(external_secret(&unit.namespace.name, secret, engine)?);
    }
    if let Some(release) = &unit.release {
        files.extend(helm(&unit.namespace.name, release, engine)?);
    }
    for object in &unit.objects {
        files.push(FolderFile::new(object.file.clone(), engine.page(object.template, object.context.clone())?));
    }
    files.extend(unit.manifests.iter().map(|manifest| FolderFile::copy(manifest, engine)));
    let folder = Folder { cluster, unit: &unit.name, folder: &unit.folder };
    folder.pages(
        files,
        &unit.patches,
        FluxUnit { depends_on: &unit.depends_on, wait: unit.wait, health: &unit.health },
        engine,
    )
}

/// Where the files of a unit go.
pub(super) struct Folder<'a> {
    pub(super) cluster: &'a str,
    pub(super) unit: &'a str,
    pub(super) folder: &'a str,
}

/// What the Flux Kustomization of a unit says beside its path.
#[derive(Clone, Copy)]
pub(super) struct FluxUnit<'a> {
    pub(super) depends_on: &'a [String],
    pub(super) wait: bool,
    pub(super) health: &'a [HealthExpression],
}

impl Folder<'_> {
    /// Puts files into the folder, with the list that Kustomize reads and the unit that Flux reads.
    pub(super) fn pages(
        &self,
        files: FolderFiles,
        patches: &[Patch],
        flux: FluxUnit<'_>,
        engine: &Engine,
    ) -> Result<Vec<Page>, String> {
        let path = format!("k8s/{}/{}", self.cluster, self.folder);
        let names: Vec<_> = files.iter().map(|file| file.name.clone()).collect();
        let patch_contexts: Vec<_> = patches
            .iter()
            .map(|patch| context! { kind => patch.kind.as_str(), name => patch.name.as_deref(), text => patch_text(patch) })
            .collect();
        let kustomization = engine.page(
            KUSTOMIZATION,
            context! {
                resources => names,
                has_dollar_braces => has_dollar_braces(&files, patches),
                patches => patch_contexts,
            },
        )?;
        let health: Vec<_> = flux
            .health
            .iter()
            .map(|check| context! { api_version => check.api_version, kind => check.kind, current => check.current, failed => check.failed })
            .collect();
        let unit = engine.page(
            FLUX_UNIT,
            context! { name => self.unit, depends_on => Serde(flux.depends_on), path => format!("./{path}"), wait => flux.wait, health },
        )?;
        let owner = || Owner::Unit { cluster: self.cluster.to_owned(), unit: self.unit.to_owned() };
        let page = |path: String, text| Page { path, text, owner: owner(), origin: None };
        let mut pages = vec![
            page(format!("k8s/{}/flux/{}.yaml", self.cluster, self.unit), unit),
            page(format!("{path}/kustomization.yaml"), kustomization),
        ];
        pages.extend(
            files
                .into_iter()
                .map(|file| Page { origin: file.origin, ..page(format!("{path}/{}", file.name), file.text) }),
        );
        Ok(pages)
    }
}

/// A tree as it stands below a key of `spec`.
fn printed(value: &Value) -> minijinja::Value {
    minijinja::Value::from_safe_string(yaml::block(value, 2))
}

/// A patch as Kustomize reads it: an object with a kind and a name, whatever its target is called.
fn patch_text(patch: &Patch) -> String {
    let name = patch.name.clone().unwrap_or("any".to_owned());
    let mut text = Value::Map(vec![
        ("kind".to_owned(), Value::Str(patch.kind.clone())),
        ("metadata".to_owned(), Value::Map(vec![("name".to_owned(), Value::Str(name))])),
    ]);
    text.merge(&patch.merge);
    yaml::document(&text)
}

pub(super) fn namespace(namespace: &Namespace, pods: PodSecurity, engine: &Engine) -> Result<FolderFile, String> {
    let text = engine.page(NAMESPACE, context! { name => namespace.name.as_str(), pod_security => pods.text() })?;
    Ok(FolderFile::new("namespace.yaml", text))
}

pub(super) fn external_secret(namespace: &str, secret: &ExternalSecret, engine: &Engine) -> Result<FolderFile, String> {
    let data: Vec<_> =
        secret.data.iter().map(|(key, remote)| context! { key => key.as_str(), remote => remote.as_str() }).collect();
    let template: Vec<_> =
        secret.template.iter().map(|(key, text)| context! { key => key.as_str(), text => text.as_str() }).collect();
    let context = context! {
        name => secret.name.as_str(),
        kind => secret.kind,
        labels => secret.labels.iter().map(|(key, value)| context! { key => *key, value => *value }).collect::<Vec<_>>(),
        namespace,
        store => STORE_NAME,
        data,
        template,
    };
    let text = engine.page(EXTERNAL_SECRET, context)?;
    Ok(FolderFile::new(format!("externalsecret-{}.yaml", secret.name), text))
}

/// Whether Flux could take something in the files for a variable of its own.
fn has_dollar_braces(files: &[FolderFile], patches: &[Patch]) -> bool {
    files.iter().any(|file| file.text.contains("${")) || patches.iter().any(|patch| patch_text(patch).contains("${"))
}

/// The source of a chart and the release made from it.
pub(super) fn helm(namespace: &str, release: &Release, engine: &Engine) -> Result<FolderFiles, String> {
    let chart = &release.chart;
    let name = chart.name.as_ref();
    let source = match &chart.source {
        ChartSource::Oci(url) => {
            // A chart's tag is its version, with the one character that tags lack replaced.
            let tag = release.version.replace('+', "_");
            let url = context! { name, namespace, url => url.as_ref(), tag };
            FolderFile::new("ocirepository.yaml", engine.page(OCI_REPOSITORY, url)?)
        }
        ChartSource::Http(url) => FolderFile::new(
            "helmrepository.yaml",
            engine.page(HELM_REPOSITORY, context! { name, namespace, url => url.as_ref() })?,
        ),
    };
    let mut values = match &release.values {
        Some((template, context)) => engine.tree(*template, context.clone())?,
        None => Value::map(),
    };
    values.merge(&release.overrides);
    let post_render = release.post_render.map(|template| engine.tree(template, context! {})).transpose()?;
    let text = engine.page(
        HELM_RELEASE,
        context! {
            name => release.name.as_str(),
            namespace,
            chart => name,
            version => release.version.as_str(),
            source_kind => chart.source.kind(),
            schema_is_remote => chart.schema_is_remote,
            // Printed here: as values of the template engine they would be copied twice.
            values => (!values.is_empty()).then(|| printed(&values)),
            post_render => post_render.as_ref().map(printed),
        },
    )?;
    Ok(vec![source, FolderFile::new("helmrelease.yaml", text)])
}
