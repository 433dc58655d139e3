//! The image at work: its container, and the fixture servers in a second one that shares its network.
//! No internet is needed. The smoke test renders in it, and a load test drives it.

use std::path::{Path, PathBuf};

use super::engine::{Engine, EngineError, Spec};
use super::session::Session;
use crate::services::PROVIDER_KEY;

/// Where the pipeline listens in its container.
pub const PORT: u16 = 8090;
/// Where the fixture servers listen in the network that they share.
const FIXTURES: &str = "127.0.0.1:9090";
/// Where they tell what they did, also to this machine.
pub const CONTROL: u16 = 9091;
/// The variable in which the image looks for its token.
pub const TOKEN_ENV: &str = "REELBENCH_TOKEN";
/// The token of a container that nobody else uses.
pub const TOKEN: &str = "reelbench-smoke-test-token";
/// Lines of a log that go into an error.
const LAST_WORDS: usize = 15;

/// Both containers.
#[derive(Clone, Debug)]
pub struct Pair<'a> {
    /// Whose they are.
    pub session: &'a Session,
    /// What the container of the image is called, before the name of the call.
    pub word: &'static str,
    /// The image.
    pub image: &'a str,
    /// Arguments of `serve`, before those that say where its providers are.
    pub arguments: Vec<String>,
    /// The fixtures program of the host.
    pub fixtures: &'a Path,
    /// The media that it serves.
    pub media: &'a Path,
    /// How the servers behave. None: well.
    pub behaviour: Option<&'a Path>,
    /// Whether the container is given the machine's cards.
    pub gpu: bool,
}

impl Pair<'_> {
    /// Name of the image's container.
    pub fn service(&self) -> String {
        format!("reelbench-{}-{}", self.word, self.session.id())
    }

    /// Name of the servers' container.
    pub fn servers(&self) -> String {
        format!("reelbench-fixtures-{}", self.session.id())
    }

    /// The image, with nothing of it replaced but where its providers are.
    pub fn service_spec(&self) -> Spec {
        let base = format!("http://{FIXTURES}");
        let settings = [
            format!("llm.base_url='{base}/openai/v1'"),
            format!("speech.base_url='{base}/openai/v1'"),
            format!("stock.pexels={{base_url='{base}/pexels', api_key_env='PEXELS_API_KEY'}}"),
            format!("stock.pixabay={{base_url='{base}/pixabay', api_key_env='PIXABAY_API_KEY'}}"),
        ];
        let pairs = settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]);
        let keys = ["OPENAI_API_KEY", "PEXELS_API_KEY", "PIXABAY_API_KEY"];
        let command = ["serve".to_owned()].into_iter().chain(pairs);
        Spec {
            name: self.service(),
            image: self.image.to_owned(),
            command: command.chain(self.arguments.iter().cloned()).collect(),
            env: keys
                .map(|name| format!("{name}={PROVIDER_KEY}"))
                .into_iter()
                .chain([format!("{TOKEN_ENV}={TOKEN}")])
                .collect(),
            ports: vec![PORT, CONTROL],
            gpu: self.gpu,
            labels: self.session.labels(),
            ..Spec::default()
        }
    }

    /// The fixture servers, in a container of the image: it has all that they need.
    pub fn servers_spec(&self) -> Spec {
        let mut command =
            ["serve", "--media", "/media", "--listen", FIXTURES].map(str::to_owned).to_vec();
        // A published port leads to the container's own address, and not to its loopback.
        command.extend(["--control".to_owned(), format!("0.0.0.0:{CONTROL}")]);
        let mut mounts: Vec<(PathBuf, &'static str)> =
            vec![(self.fixtures.to_owned(), "/fixtures"), (self.media.to_owned(), "/media")];
        if let Some(file) = self.behaviour {
            command.extend(["--behaviour", "/behaviour.toml"].map(str::to_owned));
            mounts.push((file.to_owned(), "/behaviour.toml"));
        }
        Spec {
            name: self.servers(),
            image: self.image.to_owned(),
            entrypoint: Some(vec!["/fixtures".to_owned()]),
            command,
            // They read files of the host, whoever may.
            user: Some("0:0".to_owned()),
            mounts,
            network: Some(format!("container:{}", self.service())),
            labels: self.session.labels(),
            ..Spec::default()
        }
    }

    /// How the first of them that has ended did so. None: both run.
    ///
    /// # Errors
    ///
    /// The engine does not say.
    pub async fn ended(&self, engine: &Engine) -> Result<Option<String>, EngineError> {
        // The servers live in the network of the service: it is asked first.
        for (what, name) in
            [("the container", self.service()), ("the fixture servers", self.servers())]
        {
            let state = engine.state(&name).await?;
            if !state.running {
                let said = engine.last_words(&name, LAST_WORDS).await;
                return Ok(Some(format!(
                    "{what} ended with code {}:{}",
                    state.exit_code,
                    lines(&said)
                )));
            }
        }
        Ok(None)
    }

    /// What both said, in files of `folder`.
    pub async fn keep_logs(&self, engine: &Engine, folder: &Path, mut line: impl FnMut(String)) {
        for (name, container) in [("pipeline", self.service()), ("fixtures", self.servers())] {
            let said = engine.last_words(&container, 10_000).await;
            let _ = fs_err::write(folder.join(format!("{name}.log")), &said);
            said.lines().for_each(|said| line(format!("{name}: {said}")));
        }
    }
}

/// Each on a line of its own, set in.
pub fn lines(said: &str) -> String {
    said.lines().map(|line| format!("\n  {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_share_the_network_of_the_image_and_nothing_else_is_replaced() {
        let session = Session::new();
        let pair = Pair {
            session: &session,
            word: "load",
            image: "reelbench:cpu",
            arguments: ["--set", "jobs.concurrency=2"].map(str::to_owned).to_vec(),
            fixtures: "fixtures".as_ref(),
            media: "media".as_ref(),
            behaviour: Some("slow.toml".as_ref()),
            gpu: false,
        };
        let (service, servers) = (pair.service_spec(), pair.servers_spec());
        assert_eq!(service.name, format!("reelbench-load-{}", session.id()));
        assert_eq!((service.entrypoint, service.user), (None, None));
        assert_eq!(service.command[0], "serve");
        assert_eq!(
            service.command.last().map(String::as_str),
            Some("jobs.concurrency=2"),
            "the last word"
        );
        assert_eq!(servers.network, Some(format!("container:{}", service.name)));
        assert_eq!((&service.labels, &servers.labels), (&session.labels(), &session.labels()));
        let mounted: Vec<&str> = servers.mounts.iter().map(|(_, target)| *target).collect();
        assert_eq!(mounted, ["/fixtures", "/media", "/behaviour.toml"]);
        assert!(
            servers.command.ends_with(&["--behaviour".to_owned(), "/behaviour.toml".to_owned()])
        );
    }
}
