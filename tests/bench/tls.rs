//! TLS on this machine: an authority of its own, and a bundle in which a client finds it among all
//! those that it would have on Lambda.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use fleetkeeper_tests::Error;
use fleetkeeper_tests::repository::tool;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The TLS configurations of servers and clients.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    folder: TempDir,
}

impl Tls {
    pub(crate) fn new() -> Result<Self, Error> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::new(Vec::new())?;
        // Where both had one name, the server's certificate would look as if it had signed itself.
        authority.distinguished_name.push(DnType::CommonName, "the benchmark's authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let root = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);

        let key = KeyPair::generate()?;
        let mut server = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        server.use_authority_key_identifier_extension = true;
        let certificate = server.signed_by(&key, &issuer)?;

        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;

        let folder = TempDir::new()?;
        let public = std::fs::read_to_string(public_authorities()?)?;
        std::fs::write(bundle(folder.path()), format!("{public}\n{}", root.pem()))?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), folder })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// The authorities that a client should trust, in one file.
    pub(crate) fn bundle(&self) -> PathBuf {
        bundle(self.folder.path())
    }
}

fn bundle(folder: &Path) -> PathBuf {
    folder.join("authorities.pem")
}

/// The public authorities that come with botocore: about as many as Amazon Linux has.
fn public_authorities() -> Result<PathBuf, Error> {
    let mut ask = Command::new(tool("python")?);
    ask.args(["-c", "import botocore; print(botocore.__path__[0], end='')"]);
    let said = ask.output()?;
    Ok(PathBuf::from(String::from_utf8(said.stdout)?).join("cacert.pem"))
}
