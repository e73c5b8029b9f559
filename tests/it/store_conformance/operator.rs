//! `cambio sessions` and `cambio store` on stores that servers share: the same commands, through
//! the same contract. `tests/it/e2e/sessions.rs` tries each of them on SQLite, beside a server.

mod real {
    use std::path::Path;
    use std::process::Command;

    use serde_json::Value;

    use super::super::*;

    /// What a command prints, the store's password in its environment and not on its command line.
    fn said(config: &Path, args: &[&str], password: &str) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_cambio"))
            .args(args)
            .arg("--config")
            .arg(config)
            .env("CAMBIO__STORE__REDIS__PASSWORD", password)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A configuration file of these settings, without their password; and the password.
    fn configuration(dir: &Path, settings: &Value) -> (std::path::PathBuf, String) {
        let mut settings = settings["redis"].clone();
        let password = settings.as_object_mut().unwrap().remove("password").unwrap();
        let text = |(key, value): (&String, &Value)| format!("{key} = {value}\n");
        let lines: String = settings.as_object().unwrap().iter().map(text).collect();
        let path = dir.join("operator.toml");
        std::fs::write(&path, format!("[store]\nkind = \"redis\"\n[store.redis]\n{lines}"))
            .unwrap();
        (path, password.as_str().unwrap().to_owned())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_operator_works_on_redis() {
        let settings = redis::standalone().await;
        let store = open(settings.clone()).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (config, password) = configuration(dir.path(), &settings);
        // The commands read the clock, so these sessions end in the far future.
        let far = |number| SessionId { ends_at: Timestamp::from_secs(4_000_000_000), number };
        for number in 1..=3 {
            let new = NewSession {
                id: far(number),
                expires_at: Timestamp::from_secs(4_000_000_000),
                ..sign_on(number, &format!("d{number}"))
            };
            store.begin(new, at(0)).await.unwrap();
        }
        let said = |args: &[&str]| said(&config, args, &password);

        assert_eq!(said(&["store", "migrate", "check"]), "the store has no schema\n");
        assert_eq!(said(&["sessions", "list", "--json"]).lines().count(), 3);
        let stats: Value = serde_json::from_str(&said(&["sessions", "stats", "--json"])).unwrap();
        assert_eq!(stats["sessions"], 3);
        let of = ["--tenant", "nagra", "--account", "1663"];
        let one = ["sessions", "revoke", "--session", "4000000000.2"];
        assert_eq!(said(&[&one[..], &of].concat()), "1 ended\n");
        assert_eq!(said(&[&["sessions", "list"], &of[..]].concat()).lines().count(), 2);
        assert_eq!(said(&[&["sessions", "revoke", "--all"], &of[..]].concat()), "2 ended\n");
        assert_eq!(said(&["sessions", "prune"]), "0 removed\n");
        let left = store.sessions(&tenant("nagra"), &account("1663"), at(0)).await.unwrap();
        assert_eq!(left, []);
    }
}
