//! Reads a [`Certificate`].

use sha2::{Digest, Sha256};
use smtp_core::mailer::Pin;
use smtp_core::probe::Certificate;
use std::net::{Ipv4Addr, Ipv6Addr};
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::oid_registry as oids;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// Reads a certificate in DER.
pub(super) fn read(der: &[u8]) -> Result<Certificate, String> {
    let (_, read) = X509Certificate::from_der(der).map_err(|_| "a certificate cannot be read".to_string())?;
    let (key, is_key_weak) = key(&read);
    let registry = oid_registry();
    let signature = &read.signature_algorithm.algorithm;
    Ok(Certificate {
        subject: read.subject().to_string(),
        issuer: read.issuer().to_string(),
        names: names(&read),
        not_before: read.validity().not_before.timestamp(),
        not_after: read.validity().not_after.timestamp(),
        key,
        is_key_weak,
        signature: oid2sn(signature, registry).map_or_else(|_| signature.to_id_string(), String::from),
        pin: Pin::new(Sha256::digest(read.public_key().raw).into()),
        is_self_issued: read.subject().as_raw() == read.issuer().as_raw(),
    })
}

/// The kind of the key, and whether it is weak.
fn key(certificate: &X509Certificate<'_>) -> (String, bool) {
    let info = certificate.public_key();
    let algorithm = &info.algorithm.algorithm;
    let registry = oid_registry();
    let name = |oid: &oids::Oid<'_>| oid2sn(oid, registry).map_or_else(|_| oid.to_id_string(), String::from);
    match info.parsed() {
        Ok(PublicKey::RSA(rsa)) => {
            let bits = rsa.key_size();
            (format!("RSA, {bits} bits"), bits < 2048)
        }
        Ok(PublicKey::EC(point)) => {
            let curve = info.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
            let curve = curve.map_or_else(|| "an unnamed curve".to_string(), |curve| name(&curve));
            (format!("EC, {curve}"), point.key_size() < 224)
        }
        Ok(PublicKey::DSA(_)) => ("DSA".to_string(), true),
        _ => (name(algorithm), false),
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_string()),
        GeneralName::IPAddress(octets) => match <[u8; 4]>::try_from(*octets) {
            Ok(octets) => Some(Ipv4Addr::from(octets).to_string()),
            Err(_) => <[u8; 16]>::try_from(*octets).ok().map(|octets| Ipv6Addr::from(octets).to_string()),
        },
        _ => None,
    };
    names.value.general_names.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate of `old.example` with a key of 1024 bits, signed with SHA-1 by somebody else.
    const WEAK: &[u8] = include_bytes!("weak.pem");

    #[test]
    fn a_weak_certificate_is_told_as_such() {
        let (_, pem) = x509_parser::pem::parse_x509_pem(WEAK).unwrap();
        let read = read(&pem.contents).unwrap();
        assert_eq!((read.subject.as_str(), read.issuer.as_str()), ("CN=old.example", "CN=old authority"));
        assert_eq!(read.names, ["old.example", "192.0.2.1", "2001:db8::1"]);
        assert_eq!((read.key.as_str(), read.is_key_weak), ("RSA, 1024 bits", true));
        assert!(read.signature.contains("sha1") && read.is_signature_weak(), "{}", read.signature);
        assert!(read.not_after - read.not_before > 99 * 365 * 24 * 3600);
    }

    #[test]
    fn what_is_no_certificate_is_no_panic() {
        for octets in [&b""[..], b"\x30", b"\x30\x82\xff\xff\x00", WEAK] {
            assert!(read(octets).is_err());
        }
    }
}
