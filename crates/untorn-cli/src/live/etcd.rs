//! Keys of etcd as a source: `etcd://host:2379/app/`.

use untorn_live::layer::Etcd;

/// Parses what follows the scheme, which is `etcds` for TLS. Returns the name of the layer too.
pub(super) fn parse(scheme: &str, text: &str) -> Result<(String, Etcd), String> {
    let example = "write etcd://127.0.0.1:2379/app/, for example";
    let Some(rest) = text.strip_prefix("//") else {
        return Err(format!("the address is missing; {example}"));
    };
    let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
    let Some((servers, prefix)) = address.split_once('/') else {
        return Err(format!("the prefix of the keys is missing; {example}"));
    };
    if servers.is_empty() || servers.split(',').any(str::is_empty) {
        return Err(format!("the address of a server is missing; {example}"));
    }
    if servers.contains('@') {
        return Err(
            "a password in an argument is shown to every user of this machine; use --user and \
             --password-file"
                .into(),
        );
    }
    let scheme = if scheme == "etcds" { "https" } else { "http" };
    // Keys begin with a slash, as nearly all do.
    let mut prefix = format!("/{prefix}");
    if !prefix.ends_with('/') {
        prefix.push('/');
    }
    let name = format!("etcd:{prefix}");
    let servers = servers
        .split(',')
        .map(|server| format!("{scheme}://{server}"));
    let mut etcd = Etcd::prefix(prefix).endpoints(servers);
    for option in options.split('&').filter(|option| !option.is_empty()) {
        etcd = match option {
            "documents" => etcd.documents(),
            _ => {
                // Without its value, which may be a password.
                let (name, _) = option.split_once('=').unwrap_or((option, ""));
                return Err(format!("unknown option `?{name}`; etcd takes ?documents"));
            }
        };
    }
    Ok((name, etcd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_options_reach_the_layer() {
        let (name, etcd) = parse("etcds", "//one:2379,two:2379/app?documents").unwrap();
        assert_eq!(name, "etcd:/app/");
        let etcd = format!("{etcd:?}");
        for part in [
            "https://one:2379",
            "https://two:2379",
            "are_documents_parsed: true",
        ] {
            assert!(etcd.contains(part), "{part}: {etcd}");
        }
        let (name, etcd) = parse("etcd", "//127.0.0.1:2379/").unwrap();
        assert_eq!(name, "etcd:/");
        assert!(format!("{etcd:?}").contains("http://127.0.0.1:2379"));
    }

    #[test]
    fn wrong_addresses_get_a_next_step() {
        for (text, word) in [
            ("/app/", "write etcd://"),
            ("//127.0.0.1:2379", "the prefix of the keys is missing"),
            ("///app/", "the address of a server is missing"),
            ("//me:secret@host/app/", "--password-file"),
            ("//host/app/?docs", "unknown option `?docs`"),
            ("//host/app/?token=secret", "unknown option `?token`"),
        ] {
            let error = parse("etcd", text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
