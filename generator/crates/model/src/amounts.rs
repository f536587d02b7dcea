//! Processor time and memory of containers.

use serde::Serialize;
use spec::Given as _;
use spec::defaults::DefaultAmounts;
use spec::types::{Quantity, Text as _};

/// An amount of something that a container uses.
#[derive(Debug, Clone, Serialize)]
pub struct Amount {
    /// Of what: `cpu`, `memory` or a resource of a device plugin.
    pub name: &'static str,
    /// How much.
    pub quantity: Quantity,
}

/// What a container asks for and may use.
#[derive(Debug, Clone, Default)]
pub struct Amounts {
    /// What is set aside.
    pub requests: Vec<Amount>,
    /// What it may use at most.
    pub limits: Vec<Amount>,
}

/// Resources of a container, with defaults for what the spec leaves out.
pub trait WithDefaults {
    /// With defaults for processor and memory. They give way to what the spec says: Kubernetes refuses
    /// a limit below the request.
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

impl Amounts {
    fn add(
        &mut self,
        name: &'static str,
        (request, limit): (Option<Quantity>, Option<Quantity>),
        (least, most): (&str, Option<&str>),
    ) {
        let default = |text: &str| Quantity::parse(text).expect("the defaults are quantities");
        let request = request.unwrap_or_else(|| {
            let least = default(least);
            limit.iter().find(|limit| limit.thousandths() < least.thousandths()).cloned().unwrap_or(least)
        });
        let limit = limit.or_else(|| {
            let most = default(most?);
            Some(if most.thousandths() < request.thousandths() { request.clone() } else { most })
        });
        self.requests.push(Amount { name, quantity: request.clone() });
        self.limits.extend(limit.map(|limit| Amount { name, quantity: limit }));
    }
}
