//! Devices in memory, ordered by tenant, account and id, so that an account's devices
//! stand next to each other.

use async_trait::async_trait;

use super::MemoryStore;
use super::state::{DeviceKey, State};
use crate::domain::{AccountId, DeviceId, TenantId};
use crate::session::{
    BeginError, Device, DeviceChange, DeviceRequest, DeviceState, DeviceStore, NewSession,
    StoreError, rules,
};

#[async_trait]
impl DeviceStore for MemoryStore {
    async fn devices(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Vec<Device>, StoreError> {
        Ok(self.state.lock().devices_of(tenant, account).cloned().collect())
    }

    async fn change_device(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        device: &DeviceId,
        change: DeviceChange,
    ) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        let stored = state.devices.get_mut(&key(tenant, account, device));
        let Some(stored) = stored.filter(|d| rules::may_change(d.state, &change)) else {
            return Ok(false);
        };
        match change {
            DeviceChange::Name(name) => stored.name = name,
            DeviceChange::State(to) => {
                stored.state = to;
                if to == DeviceState::Deleted {
                    state.evict_from(tenant, account, device);
                    state.forget_deleted(tenant, account, device);
                }
            }
        }
        Ok(true)
    }
}

impl State {
    /// The class of the device that the session would run on, if it may.
    pub(super) fn admit(&self, new: &NewSession) -> Result<Option<String>, BeginError> {
        let account = &new.facts.account.id;
        match &new.device {
            DeviceRequest::Existing(id) => {
                let device = self.device(&new.tenant, account, id);
                rules::usable(device.map(|device| device.state))?;
                Ok(device.and_then(|device| device.class.clone()))
            }
            DeviceRequest::Register { device, .. } if device.account != *account => {
                Err(BeginError::DeviceUnknown)
            }
            DeviceRequest::Register { device, limits } => {
                let of_class = |other: &Device| other.class == device.class;
                if self.has_devices(&new.tenant, account, limits.all, |_| true)
                    || self.has_devices(&new.tenant, account, limits.of_class, of_class)
                {
                    return Err(BeginError::DeviceLimit);
                }
                Ok(device.class.clone())
            }
        }
    }

    pub(super) fn register(&mut self, tenant: TenantId, device: Device) {
        self.devices.insert((tenant, device.account.clone(), device.id.clone()), device);
    }

    /// Forgets the oldest of the account's deleted devices but this one, when they are many.
    fn forget_deleted(&mut self, tenant: &TenantId, account: &AccountId, but: &DeviceId) {
        let deleted = self.devices_of(tenant, account);
        let deleted = deleted.filter(|d| d.state == DeviceState::Deleted && d.id != *but);
        let mut deleted: Vec<_> = deleted.map(|d| (d.registered_at, d.id.clone())).collect();
        let kept = usize::try_from(rules::DELETED_KEPT).unwrap_or(usize::MAX);
        let surplus = deleted.len().saturating_sub(kept);
        deleted.sort_unstable();
        for (_, id) in &deleted[..surplus] {
            self.devices.remove(&key(tenant, account, id));
        }
    }

    pub(super) fn device(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        id: &DeviceId,
    ) -> Option<&Device> {
        self.devices.get(&key(tenant, account, id))
    }

    /// Whether the account has as many such devices, not deleted, as it may have.
    fn has_devices(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        limit: Option<u32>,
        such: impl Fn(&Device) -> bool,
    ) -> bool {
        let Some(limit) = limit else { return false };
        let kept = self.devices_of(tenant, account);
        let kept = kept.filter(|d| d.state != DeviceState::Deleted && such(d));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        kept.take(limit).count() >= limit
    }

    fn devices_of(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> impl Iterator<Item = &Device> + use<'_> {
        let (tenant, account) = (tenant.clone(), account.clone());
        // A device id has no character below a space, so no id orders before one.
        let start = (tenant.clone(), account.clone(), first_device());
        self.devices
            .range(start..)
            .take_while(move |((t, a, _), _)| *t == tenant && *a == account)
            .map(|(_, device)| device)
    }
}

fn key(tenant: &TenantId, account: &AccountId, device: &DeviceId) -> DeviceKey {
    (tenant.clone(), account.clone(), device.clone())
}

#[expect(clippy::expect_used, reason = "one space is a device id: 1 to 128 printable characters")]
fn first_device() -> DeviceId {
    DeviceId::parse(" ").expect("a space is printable ASCII")
}
