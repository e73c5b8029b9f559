//! `cambio explain`: what would become of one credential, step by step. Runs the same validators,
//! account directories and stories as the server, on a store that is thrown away, and prints the
//! steps that they note. Nothing is begun, used up or stored, and no token is shown.

mod answer;
mod input;
mod report;
mod text;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use self::answer::Answer;
use self::input::Kind;
use self::report::Report;
use super::{ConfigArgs, load, print, refuse, runtime};
use crate::app::{App, World};
use crate::config::Settings;
use crate::domain::{ClientNetwork, Credential, ServiceName, TenantId};
use crate::exchange::tenant::{Service, Tenant};
use crate::exchange::{ExchangeCx, cookie_sso, session_token};
use crate::session::settings::memory;
use crate::support::trace;

/// Say step by step what would become of a credential
///
/// Reads the credential from a file or from standard input (never from the command line, where
/// other processes could see it), asks the service's validator and account directory as the
/// server would, and prints what happened: which validator took it, what was asked, what came of
/// it, and the claims that would be minted. The credential is never printed, and what belongs to
/// the person only with --show-values. Nothing is stored or used up.
///
/// Exit code 0: it would be granted. 1: it would be refused. 2: the configuration or the call is
/// wrong. 3: it could not be found out.
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    config: ConfigArgs,
    /// The tenant, as `nv-tenant-id` names it.
    #[arg(long)]
    tenant: String,
    /// The authentication service, as `x-auth-service-id` names it.
    #[arg(long)]
    service: String,
    /// Where the credential is; standard input if absent. A line's end behind it does not count.
    #[arg(long, value_name = "FILE")]
    credential_file: Option<PathBuf>,
    /// What it is: the value of the service's cookie, a bearer or session token, or a user name and
    /// a password as in Basic: `name:password`. By default what the validator takes.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// Show what the session says of the person, and the claims' values.
    #[arg(long)]
    show_values: bool,
}

impl Explain {
    pub(super) fn run(self) -> ExitCode {
        let settings = match load(&self.config.sources()) {
            Ok(settings) => settings,
            Err(code) => return code,
        };
        match runtime(1) {
            Ok(runtime) => runtime.block_on(self.explain(&settings)),
            Err(code) => code,
        }
    }

    async fn explain(self, settings: &Settings) -> ExitCode {
        let app = match App::build(settings, memory(), World::default()).await {
            Ok(app) => app,
            Err(problems) => return refuse(&problems),
        };
        let gateway = app.gateway();
        let tenant = TenantId::parse(&self.tenant).ok().and_then(|id| gateway.tenants.get(&id));
        let Some(tenant) = tenant else {
            return wrong(&format!("there is no tenant {:?}", self.tenant));
        };
        let name = ServiceName::parse(&self.service).ok();
        let Some(service) = name.and_then(|name| tenant.services.get(&name)) else {
            return wrong(&format!("tenant {} has no service {:?}", tenant.id, self.service));
        };
        let kind = self.kind.or_else(|| input::taken_by(&*service.validator));
        let Some(kind) = kind.filter(|kind| service.validator.accepts(kind.credential())) else {
            let taker = service.validator.kind();
            return wrong(&format!(
                "validator kind {taker} of the service takes no such credential"
            ));
        };
        let credential = match input::read(kind, self.credential_file.as_deref()) {
            Ok(credential) => credential,
            Err(error) => return wrong(&error),
        };

        let is_good_once = service.validator.uses_up(&credential);
        trace::begin();
        let clock = &gateway.clock;
        let cx = ExchangeCx {
            now: clock.now(),
            deadline: Instant::now() + gateway.deadline,
            client: ClientNetwork { ip: Ipv4Addr::LOCALHOST.into(), country: None },
            random: &*gateway.random,
        };
        let begun = Instant::now();
        let answer = if is_good_once {
            Answer::used_up()
        } else {
            rehearse(tenant, service, kind, &credential, &cx).await
        };
        let report = Report {
            tenant: &tenant.id,
            service: &service.name,
            kind,
            took: begun.elapsed(),
            steps: trace::take(),
            answer,
            show_values: self.show_values,
        };
        let document = report.document(&input::secrets(&credential));
        if self.json {
            print(&format!("{document:#}\n"));
        } else {
            print(&text::render(&document));
        }
        report.answer.exit_code()
    }
}

/// The story that the credential would go through: AGS' session-token flow for a token of a
/// service that offers it, else AnswerHub's.
async fn rehearse(
    tenant: &Tenant,
    service: &Service,
    kind: Kind,
    credential: &Credential,
    cx: &ExchangeCx<'_>,
) -> Answer {
    let by_token = kind == Kind::Bearer && service.endpoint("/signOnWithSessionToken").is_some();
    let answer = match (&tenant.ags, &tenant.answerhub) {
        (Some(ags), _) if by_token => {
            let pair = session_token::rehearse(tenant, ags, service, credential, cx).await;
            Answer::of_pair(pair, ags.location.restricts())
        }
        (_, Some(answerhub)) => {
            let minted = cookie_sso::exchange(tenant, answerhub, service, credential, cx).await;
            Answer::of_site(minted)
        }
        (Some(ags), None) => {
            let pair = session_token::rehearse(tenant, ags, service, credential, cx).await;
            Answer::of_pair(pair, ags.location.restricts())
        }
        (None, None) => Answer::none(),
    };
    answer.without_tickets(&service.validator)
}

/// Prints what is wrong with the call.
fn wrong(error: &str) -> ExitCode {
    eprintln!("cambio: {error}");
    ExitCode::from(2)
}
