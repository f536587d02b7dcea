//! CPU and memory of containers.

use serde::Serialize;
use spec::Given as _;
use spec::defaults::DefaultAmounts;
use spec::types::{Quantity, Size, Text as _};

/// An amount of a resource.
#[derive(Debug, Clone, Serialize)]
pub struct Amount {
    /// The resource: `cpu`, `memory` or one of a device plugin.
    pub name: &'static str,
    /// The amount.
    pub quantity: Quantity,
}

/// The requests and limits of a container.
#[derive(Debug, Clone, Default)]
pub struct Amounts {
    /// Its requests.
    pub requests: Vec<Amount>,
    /// Its limits.
    pub limits: Vec<Amount>,
}

/// The resources of a container, with defaults for those that the spec does not set.
pub trait WithDefaults {
    /// Returns requests and limits, with defaults for CPU and memory. A default is adjusted to a value of the spec
    /// where they conflict: Kubernetes rejects a limit below the request. The memory request grows with a limit above
    /// the default: otherwise the scheduler would put too many large containers on one node.
    fn amounts(&self, defaults: &DefaultAmounts) -> Amounts;
}

impl WithDefaults for spec::Resources {
    fn amounts(&self, defaults: &DefaultAmounts) -> Amounts {
        let cpu = |given: Option<&spec::Amounts>| given.and_then(|given| given.cpu.given()).cloned();
        let memory = |given: Option<&spec::Amounts>| given.and_then(|given| given.memory.given()).cloned();
        let (requests, limits) = (self.requests.as_ref(), self.limits.as_ref());
        let mut all = Amounts::default();
        all.add("cpu", (cpu(requests), cpu(limits)), (defaults.cpu, None));
        all.add("memory", (memory(requests), memory(limits)), (defaults.memory, Some(defaults.most_memory)));
        all
    }
}

/// A request that is the same part of its limit as the default request is of the default limit, in whole MiB.
fn in_proportion(limit: &Quantity, default_request: &Quantity, default_limit: &Quantity) -> Quantity {
    let [limit, request, whole] =
        [limit, default_request, default_limit].map(|amount| u128::from(amount.thousandths()));
    let bytes = u64::try_from(limit * request / whole.max(1) / 1000).unwrap_or(u64::MAX);
    Size::from_bytes(bytes >> 20 << 20).quantity()
}

impl Amounts {
    fn add(
        &mut self,
        name: &'static str,
        (request, limit): (Option<Quantity>, Option<Quantity>),
        (default_request, default_limit): (&str, Option<&str>),
    ) {
        let parse = |text: &str| Quantity::parse(text).expect("the defaults are quantities");
        let request = request.unwrap_or_else(|| {
            let default = parse(default_request);
            if let (Some(limit), Some(default_limit)) = (&limit, default_limit.map(parse))
                && limit.thousandths() > default_limit.thousandths()
            {
                return in_proportion(limit, &default, &default_limit);
            }
            limit.iter().find(|limit| limit.thousandths() < default.thousandths()).cloned().unwrap_or(default)
        });
        let limit = limit.or_else(|| {
            let default = parse(default_limit?);
            Some(if default.thousandths() < request.thousandths() { request.clone() } else { default })
        });
        self.requests.push(Amount { name, quantity: request.clone() });
        self.limits.extend(limit.map(|limit| Amount { name, quantity: limit }));
    }
}
