"""A server certificate of its own for one run: clients send their token over TLS only (kubectl sends it no other way)."""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE = timedelta(days=30)  # a run is never that long; the key is only ever in memory


@dataclass(frozen=True)
class Certificate:
    """`pem` is what a client must trust; `context` is what the server serves with."""

    pem: bytes
    context: ssl.SSLContext


def self_signed(host: str, now: datetime) -> Certificate:
    """A new certificate for an IP address or a name."""
    pem, private = pems(host, now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:  # mode 600, gone at once: ssl reads keys from files only
        file.write(pem + private)
        file.flush()
        context.load_cert_chain(file.name)
    return Certificate(pem, context)


def pems(host: str, now: datetime) -> tuple[bytes, bytes]:
    """A new certificate and its private key."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return _signed(key, host, now).public_bytes(serialization.Encoding.PEM), private


def _signed(key: ec.EllipticCurvePrivateKey, host: str, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "aetherius-simulator")])
    public = key.public_key()
    identity = x509.SubjectKeyIdentifier.from_public_key(public)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(public)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + _LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
    builder = builder.add_extension(identity, critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identity)
    return builder.add_extension(issuer, critical=False).sign(key, hashes.SHA256())


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
