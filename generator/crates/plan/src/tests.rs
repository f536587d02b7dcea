use super::*;

fn effects(files: &[FileChange<'_>]) -> Vec<Effect> {
    Review::of(files, BTreeMap::new()).effects
}

fn outcomes(before: &str, after: &str) -> Vec<String> {
    let change = FileChange { path: "k8s/home/apps/app/object.yaml", before: Some(before), after: Some(after) };
    let line = |effect: Effect| format!("{:?} {} {} {}", effect.outcome, effect.object, effect.field, effect.change);
    effects(&[change]).into_iter().map(line).collect()
}

/// An object with a body that is indented by two spaces.
fn object(api_version: &str, kind: &str, body: &str) -> String {
    format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{ name: app, namespace: app }}\n{body}\n")
}

#[test]
fn finds_what_the_api_refuses() {
    let claim = |spec: &str| object("v1", "PersistentVolumeClaim", &format!("spec: {{ {spec} }}"));
    let sized = |class: &str, size: &str| {
        claim(&format!("storageClassName: {class}, resources: {{ requests: {{ storage: {size} }} }}"))
    };
    let deployment = |strategy: &str| object("apps/v1", "Deployment", &format!("spec: {{ {strategy} }}"));
    let rolling = "strategy: { type: RollingUpdate, rollingUpdate: { maxSurge: 25% } }";
    let set = |size: &str| {
        let template =
            format!("volumeClaimTemplates: [{{ spec: {{ resources: {{ requests: {{ storage: {size} }} }} }} }}]");
        object("apps/v1", "StatefulSet", &format!("spec: {{ replicas: {}, {template} }}", size.len()))
    };
    let postgres = |image: &str, size: &str, class: &str| {
        let storage = format!("storage: {{ size: {size}, storageClass: {class} }}");
        object("postgresql.cnpg.io/v1", "Cluster", &format!("spec: {{ imageName: {image}, {storage} }}"))
    };
    let class = "spec.storageClassName";
    let size = "spec.resources.requests.storage";
    for (before, after, expected) in [
        (sized("local-path", "5Gi"), sized("local-path", "10Gi"), vec![format!("{size} changes from 5Gi to 10Gi")]),
        (sized("local-path", "5Gi"), sized("local-path", "5120Mi"), vec![]),
        (sized("nas", "5Gi"), sized("nas", "10Gi"), vec![]),
        (sized("nas", "5Gi"), sized("nas", "4Gi"), vec![format!("{size} changes from 5Gi to 4Gi")]),
        (sized("nas", "5Gi"), sized("local-path", "5Gi"), vec![format!("{class} changes from nas to local-path")]),
        (
            claim("accessModes: [ReadWriteOnce]"),
            claim("accessModes: [ReadWriteMany]"),
            vec!["spec.accessModes changes".to_owned()],
        ),
        (
            deployment("strategy: { type: RollingUpdate }"),
            deployment("strategy: { type: Recreate }"),
            vec!["spec.strategy.type changes from RollingUpdate to Recreate".to_owned()],
        ),
        (
            deployment("replicas: 1"),
            deployment("strategy: { type: Recreate }"),
            vec!["spec.strategy.type is set to Recreate".to_owned()],
        ),
        (deployment(rolling), deployment("strategy: { type: Recreate }"), vec![]),
        (deployment("strategy: { type: Recreate }"), deployment(rolling), vec![]),
        (set("5Gi"), set("10Gi"), vec!["spec.volumeClaimTemplates changes".to_owned()]),
        (
            postgres("postgresql:18.1", "5Gi", "nas"),
            postgres("postgresql:17.6", "4Gi", "nas"),
            vec![
                "spec.storage.size changes from 5Gi to 4Gi".to_owned(),
                "spec.imageName changes from postgresql:18.1 to postgresql:17.6".to_owned(),
            ],
        ),
        (postgres("postgresql:17.6", "5Gi", "nas"), postgres("postgresql:18.1", "6Gi", "nas"), vec![]),
        (
            object("v1", "ConfigMap", "immutable: true\ndata: { a: b }"),
            object("v1", "ConfigMap", "immutable: true\ndata: { a: c }"),
            vec!["data changes".to_owned()],
        ),
        (
            object("v1", "Service", "spec: { type: LoadBalancer, loadBalancerClass: a }"),
            object("v1", "Service", "spec: { type: ClusterIP }"),
            vec![],
        ),
        (
            object("v1", "Service", "spec: { type: LoadBalancer }"),
            object("v1", "Service", "spec: { type: LoadBalancer, loadBalancerClass: a }"),
            vec!["spec.loadBalancerClass is set to a".to_owned()],
        ),
        (
            object("v1", "Service", "spec: { type: ClusterIP }"),
            object("v1", "Service", "spec: { clusterIP: None }"),
            vec!["spec.clusterIP is set to None".to_owned()],
        ),
    ] {
        let found = outcomes(&before, &after);
        assert_eq!(found.len(), expected.len(), "{before}{after}{found:?}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!(found.starts_with("Refused home/") && found.ends_with(expected.as_str()), "{found}");
        }
    }
}

#[test]
fn tells_what_has_no_effect() {
    let postgres = |class: &str| {
        object(
            "postgresql.cnpg.io/v1",
            "Cluster",
            &format!("spec: {{ storage: {{ size: 5Gi, storageClass: {class} }} }}"),
        )
    };
    let expected = ["Ignored home/Cluster/app/app spec.storage.storageClass changes from nas to local-path"];
    assert_eq!(outcomes(&postgres("nas"), &postgres("local-path")), expected);
}

#[test]
fn values_of_a_chart_are_those_of_that_chart_only() {
    let release = |chart: &str, size: &str| {
        let spec = format!(
            "spec: {{ chartRef: {{ name: {chart} }}, values: {{ singleBinary: {{ persistence: {{ size: {size} }} }} }} }}"
        );
        object("helm.toolkit.fluxcd.io/v2", "HelmRelease", &spec)
    };
    assert_eq!(outcomes(&release("loki", "5Gi"), &release("loki", "6Gi")).len(), 1);
    assert_eq!(outcomes(&release("other", "5Gi"), &release("other", "6Gi")), [""; 0]);
    let classes = |address: &str| {
        let classes =
            format!("storageClasses: {{ nas: {{ parameters: {{ dsm: {address} }} }}, old: {{ disabled: true }} }}");
        let chart = "chart: { spec: { chart: synology-csi } }";
        object("helm.toolkit.fluxcd.io/v2", "HelmRelease", &format!("spec: {{ {chart}, values: {{ {classes} }} }}"))
    };
    let expected = ["Refused home/HelmRelease/app/app spec.values.storageClasses.nas.parameters changes"];
    assert_eq!(outcomes(&classes("192.168.10.20"), &classes("192.168.10.21")), expected);
}

#[test]
fn follows_an_object_to_another_file_of_its_cluster() {
    let size = |size: &str| {
        let spec = format!("spec: {{ resources: {{ requests: {{ storage: {size} }} }} }}");
        object("v1", "PersistentVolumeClaim", &spec)
    };
    let (before, after) = (size("5Gi"), size("4Gi"));
    let old = FileChange { path: "k8s/home/apps/app/old.yaml", before: Some(&before), after: None };
    let new = FileChange { path: "k8s/home/apps/app/new.yaml", before: None, after: Some(&after) };
    let other = FileChange { path: "k8s/away/apps/app/new.yaml", ..new };
    assert_eq!(effects(&[new, old]).len(), 1);
    assert_eq!(effects(&[other, old]), []);
}

#[test]
fn files_that_are_no_manifests_have_no_objects() {
    let texts = ["a: [", "", "resources: [a.yaml]", "apiVersion: v1\nkind: Secret", "- a\n- b"];
    for text in texts {
        assert_eq!(outcomes(text, text), [""; 0], "{text}");
    }
    let change = FileChange { path: "docs/lab/README.md", before: Some("a"), after: Some("b") };
    assert_eq!(effects(&[change]), []);
}

#[test]
fn a_comment_on_a_pull_request_is_never_too_long() {
    let path = |at: usize| format!("k8s/home/apps/app-{at}/object.yaml");
    let paths: Vec<_> = (0..2000).map(path).collect();
    let [before, after] = ["a", "b"].map(|value| {
        let text = |at: usize| {
            object("v1", "ConfigMap", &format!("data: {{ key: {value} }}")).replace("app }", &format!("app-{at} }}"))
        };
        (0..paths.len()).map(text).collect::<Vec<_>>()
    });
    for (count, is_whole) in [(10, true), (700, false), (2000, false)] {
        fn files<'a>(paths: &'a [String], texts: &'a [String]) -> BTreeMap<&'a str, &'a str> {
            paths.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect()
        }
        let versions = Versions { before: files(&paths[..count], &before), after: files(&paths[..count], &after) };
        let plan = Plan::of(&versions);
        assert_eq!(plan.objects.len(), count);
        let is_large = plan.dangers.iter().any(|danger| danger.message.starts_with("a large change: "));
        assert_eq!(is_large, !is_whole, "{count}");
        let text = markdown(&plan, "HEAD");
        assert!(text.len() < 65_536, "{count}: {}", text.len());
        assert_eq!(!text.contains("too long for a comment"), is_whole, "{count}");
        assert_eq!(text.matches("```").count() % 2, 0, "{count}");
    }
}

/// The dangers of a change of one object; an empty text is no object.
fn dangers(before: &str, after: &str) -> Vec<String> {
    let path = "k8s/home/apps/app/object.yaml";
    let files = |text: &'static str| if text.is_empty() { BTreeMap::new() } else { BTreeMap::from([(path, text)]) };
    let [before, after] = [before, after].map(|text| -> &'static str { text.to_owned().leak() });
    // Without another file, the cluster would be new or removed.
    let with_other = |mut files: BTreeMap<&'static str, &'static str>| {
        files.insert("k8s/home/flux/app.yaml", "");
        files
    };
    let plan = Plan::of(&Versions { before: with_other(files(before)), after: with_other(files(after)) });
    plan.dangers.into_iter().map(|danger| format!("{:?}: {}", danger.severity, danger.message)).collect()
}

/// Changes that deserve a second look, whoever wrote the manifest. They include all rules of konflate's lint (17 in
/// August 2026); the ones about parents of objects are here about the objects of Flux themselves.
#[test]
fn warns_of_what_deserves_a_second_look() {
    let claim = object("v1", "PersistentVolumeClaim", "spec: { resources: { requests: { storage: 5Gi } } }");
    let smaller = claim.replace("5Gi", "1Gi");
    let release = |rest: &str| object("helm.toolkit.fluxcd.io/v2", "HelmRelease", &format!("spec: {{ {rest} }}"));
    let unit = |rest: &str| object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", &format!("spec: {{ {rest} }}"));
    let deployment = |rest: &str| object("apps/v1", "Deployment", &format!("spec: {{ {rest} }}"));
    let container = |list: &str| {
        let containers = format!("{list}: [{{ name: app, securityContext: {{ privileged: true }} }}]");
        deployment(&format!("template: {{ spec: {{ {containers} }} }}"))
    };
    let binding = object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "roleRef: { name: a }");
    let cases: Vec<(&str, String, String, &str)> = vec![
        (
            "removed-statefulset",
            object("apps/v1", "StatefulSet", "spec: {}"),
            String::new(),
            "Data: is deleted: the claims",
        ),
        ("removed-pvc", claim.clone(), String::new(), "Data: the volume is deleted"),
        ("removed-namespace", object("v1", "Namespace", ""), String::new(), "Data: the namespace is deleted"),
        (
            "removed-crd",
            object("apiextensions.k8s.io/v1", "CustomResourceDefinition", ""),
            String::new(),
            "Data: the definition is deleted",
        ),
        (
            "removed-networkpolicy",
            object("networking.k8s.io/v1", "NetworkPolicy", "spec: {}"),
            String::new(),
            "Caution: the connections",
        ),
        ("suspends", unit("path: a"), unit("path: a, suspend: true"), "Caution: is suspended: Flux applies nothing"),
        ("resumes", unit("path: a, suspend: true"), unit("path: a"), "Caution: is resumed"),
        (
            "suspended-parent",
            release("suspend: true, values: { a: 1 }"),
            release("suspend: true, values: { a: 2 }"),
            "Caution: is suspended: Flux applies this change when",
        ),
        ("not-pruned", unit("path: a, prune: false"), String::new(), "Caution: what it applied stays"),
        ("privileged", String::new(), container("containers"), "Caution: runs a privileged container"),
        ("privileged", deployment("replicas: 1"), container("initContainers"), "Caution: runs a privileged container"),
        ("replicas-zero", deployment("replicas: 2"), deployment("replicas: 0"), "Outage: runs no pods any more"),
        ("rbac-widened", String::new(), binding, "Caution: grants permissions"),
        (
            "immutable-field",
            deployment("selector: { matchLabels: { a: b } }"),
            deployment("selector: { matchLabels: { a: c } }"),
            "Outage: `spec.selector` changes",
        ),
        ("pvc-shrink", claim, smaller, "Outage: `spec.resources.requests.storage` changes from 5Gi to 1Gi"),
        (
            "database",
            object("postgresql.cnpg.io/v1", "Cluster", "spec: {}"),
            String::new(),
            "Data: PostgreSQL is deleted",
        ),
    ];
    for (rule, before, after, expected) in cases {
        let found = dangers(&before, &after);
        assert!(found.iter().any(|danger| danger.starts_with(expected)), "{rule}: {found:?}");
    }
    for (before, after) in [
        (unit("path: a"), unit("path: b")),
        (unit("path: a, prune: true"), String::new()),
        (deployment("replicas: 0"), deployment("replicas: 1")),
        (String::new(), deployment("replicas: 1")),
    ] {
        assert_eq!(dangers(&before, &after), [""; 0]);
    }
}

#[test]
fn warns_of_objects_that_move_to_another_unit() {
    let claim = |annotations: &str| {
        object("v1", "PersistentVolumeClaim", "spec: {}")
            .replace("namespace: app }", &format!("namespace: app{annotations} }}"))
    };
    let kept = ", annotations: { kustomize.toolkit.fluxcd.io/prune: disabled }";
    for (text, expected) in [
        (claim(""), Some(Severity::Data)),
        (claim(kept), None),
        (object("v1", "Service", "spec: {}"), Some(Severity::Caution)),
    ] {
        let plan = Plan::of(&Versions {
            before: BTreeMap::from([("k8s/home/apps/old/a.yaml", text.as_str())]),
            after: BTreeMap::from([("k8s/home/apps/new/a.yaml", text.as_str())]),
        });
        assert_eq!(plan.dangers.first().map(|danger| danger.severity), expected, "{text}");
        assert_eq!(plan.objects[0].moved_from.as_deref(), Some("apps/old"));
    }
}

#[test]
fn warns_of_a_folder_that_another_kustomization_takes_over() {
    let unit = |name: &str, path: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{ name: {name} }}\nspec: {{ path: {path} }}\n"
        )
    };
    let dangers = |after: &str| {
        let (old, new) = (unit("old", "./a"), unit("new", after));
        let before = BTreeMap::from([("k8s/home/flux/old.yaml", old.as_str())]);
        let after = BTreeMap::from([("k8s/home/flux/new.yaml", new.as_str())]);
        let plan = Plan::of(&Versions { before, after });
        plan.dangers.into_iter().map(|danger| format!("{}: {}", danger.what, danger.message)).collect::<Vec<_>>()
    };
    let expected = "home/Kustomization/old: its folder moves to the Kustomization `new`: Flux may delete what both have \
                    before that creates it again";
    assert_eq!(dangers("./a"), [expected]);
    assert_eq!(dangers("./b"), [""; 0]);
}

#[test]
fn a_default_that_is_written_is_no_change() {
    let class = |policy: &str| {
        format!(
            "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {{ name: nas }}\nprovisioner: a\n{policy}\n"
        )
    };
    let [none, delete, retain] = ["", "reclaimPolicy: Delete", "reclaimPolicy: Retain"].map(class);
    assert_eq!(outcomes(&none, &delete), [""; 0]);
    assert_eq!(outcomes(&delete, &none), [""; 0]);
    assert_eq!(outcomes(&none, &retain), ["Refused home/StorageClass/nas reclaimPolicy is set to Retain"]);
    assert_eq!(outcomes(&retain, &none), ["Refused home/StorageClass/nas reclaimPolicy is removed"]);
}

#[test]
fn tells_what_the_router_forwards_to_a_new_cluster() {
    let ingress = "metadata: { labels: {\n  homelab/exposure: public\n} }\n";
    let release = "spec: { values: { annotations: { metallb.io/loadBalancerIPs: 192.168.10.240 } } }\n";
    let files = [("k8s/home/apps/app/ingress.yaml", ingress), ("k8s/home/platform/ingress/helmrelease.yaml", release)];
    let plan = Plan::of(&Versions { before: BTreeMap::new(), after: files.into() });
    let forwarded = Some("192.168.10.240, the ingress of home".to_owned());
    let expected = Moved { what: "TCP 80 and 443".to_owned(), before: None, after: forwarded };
    assert_eq!(plan.outside.forwards, [expected]);
}

#[test]
fn tells_zones_that_move_to_another_provider() {
    let issuer = |zone: &str, dns01: &str| {
        format!(
            "apiVersion: cert-manager.io/v1\nkind: ClusterIssuer\nmetadata: {{ name: letsencrypt }}\nspec: {{ acme: {{ \
             solvers: [{{ selector: {{ dnsZones: [{zone}] }}, dns01: {{ {dns01} }} }}] }} }}\n"
        )
    };
    let zones = |before: &str, after: &str| {
        let of = |text| BTreeMap::from([("k8s/home/platform/cert-manager-issuers/clusterissuer.yaml", text)]);
        Plan::of(&Versions { before: of(before), after: of(after) }).outside.zones
    };
    let built_in = issuer("example.com", "cloudflare: { email: a@example.com }");
    let webhook = issuer("example.com", "webhook: { groupName: acme.hetzner.com, solverName: hetzner }");
    let [before, after] = ["cloudflare", "hetzner"].map(|provider| Some(provider.to_owned()));
    assert_eq!(zones(&built_in, &webhook), [Moved { what: "example.com".to_owned(), before, after }]);
    // A zone with another name is another zone.
    assert_eq!(zones(&built_in, &issuer("example.org", "rfc2136: {}")), []);
}
