#!/usr/bin/env bash
# Writes the certificate requests of this directory, with new keys, as ACME clients make
# them: names beginning with "good" are for vendor.example and www.vendor.example unless
# they say otherwise; what is wrong with the others is in their names.
# Debian: apt-get install openssl gnutls-bin python3-acme
set -euo pipefail
cd "$(dirname "$0")"
rm -f ./*.der
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
names="subjectAltName = DNS:vendor.example, DNS:www.vendor.example"

openssl ecparam -name prime256v1 -genkey -noout -out "$work/p256"
openssl ecparam -name secp384r1 -genkey -noout -out "$work/p384"
openssl ecparam -name secp521r1 -genkey -noout -out "$work/p521"
openssl ecparam -name secp256k1 -genkey -noout -out "$work/k256"
openssl ecparam -name prime256v1 -genkey -noout -param_enc explicit -out "$work/explicit"
openssl genpkey -algorithm ed25519 -out "$work/ed25519"
openssl genpkey -algorithm ed448 -out "$work/ed448"
openssl genrsa -out "$work/rsa" 2048 2>/dev/null
openssl genrsa -out "$work/rsa1024" 1024 2>/dev/null
openssl genrsa -3 -out "$work/rsa3" 2048 2>/dev/null
openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out "$work/pss" 2>/dev/null
openssl dsaparam -genkey -noout -out "$work/dsa" 2048 2>/dev/null

# request FILE KEY SUBJECT OPTION...
request() { openssl req -new -key "$work/$2" -subj "$3" -outform DER -out "$1.der" "${@:4}"; }
# wrong FILE EXTENSION...: right but for what is added
wrong() { request "$1" p256 / -addext "$names" "${@:2}"; }

# acme-tiny's README
request good-acme-tiny-vendor.example-alone rsa /CN=vendor.example -sha256
request good-acme-tiny rsa / -sha256 -addext "$names"
# dehydrated: the configuration with a section, the first name as commonName
printf '[req]\ndistinguished_name = dn\n[dn]\n[SAN]\n%s\n' "$names" > "$work/cnf"
request good-dehydrated p384 /CN=vendor.example/ -sha256 -reqexts SAN -config "$work/cnf"
# what people write by hand
request good-by-hand rsa "/C=CZ/O=Vendor/OU=A/CN=WWW.Vendor.Example/emailAddress=a@vendor.example" -sha384 -addext "$names" \
  -addext "basicConstraints = critical,CA:FALSE" -addext "keyUsage = digitalSignature, keyEncipherment" \
  -addext "extendedKeyUsage = serverAuth, clientAuth" -addext "1.2.3.4 = DER:05:00" -addext "subjectKeyIdentifier = hash"
printf '[req]\ndistinguished_name = dn\nattributes = at\nprompt = no\nreq_extensions = SAN\n[dn]\nCN = vendor.example\n[at]\nchallengePassword = secret\nunstructuredName = Vendor\n[SAN]\n%s\n' "$names" > "$work/cnf"
openssl req -new -key "$work/p256" -config "$work/cnf" -outform DER -out good-challenge-password.der
request good-ed25519 ed25519 / -addext "$names"
request good-rsa-pss-signature rsa / -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -addext "$names"
request good-names-twice p256 / -addext "$names, DNS:VENDOR.example"
request good-two-addresses p256 / -addext "subjectAltName = IP:192.0.2.1, IP:2001:db8::1"
request good-wildcard p256 / -addext "subjectAltName = DNS:*.vendor.example"
# certbot (certbot's own library), and the same by GnuTLS
/usr/bin/python3 - "$work/rsa" > "$work/certbot" <<'PY'
import sys
from acme import crypto_util
print(crypto_util.make_csr(open(sys.argv[1], "rb").read(), ["vendor.example", "www.vendor.example"]).decode())
PY
openssl req -in "$work/certbot" -outform DER -out good-certbot.der
printf 'cn = vendor.example\ndns_name = vendor.example\ndns_name = www.vendor.example\n' > "$work/template"
certtool --generate-request --load-privkey "$work/p256" --template "$work/template" --outder --outfile good-gnutls.der >/dev/null 2>&1

request wrong-sha1 rsa / -sha1 -addext "$names"
request wrong-md5 rsa / -md5 -addext "$names"
request wrong-p521 p521 / -addext "$names"
request wrong-secp256k1 k256 / -addext "$names"
request wrong-explicit-curve explicit / -addext "$names"
request wrong-ed448 ed448 / -addext "$names"
request wrong-rsa1024 rsa1024 / -addext "$names"
request wrong-exponent3 rsa3 / -addext "$names"
request wrong-rsa-pss-key pss / -addext "$names"
request wrong-dsa dsa / -addext "$names"
wrong wrong-ca -addext "basicConstraints = critical,CA:TRUE"
wrong wrong-keycertsign -addext "keyUsage = digitalSignature, keyCertSign"
wrong wrong-must-staple -addext "tlsfeature = status_request"
for name in email:a@vendor.example URI:https://vendor.example/ RID:1.2.3.4 'otherName:1.3.6.1.4.1.311.20.2.3;UTF8:a@vendor.example'; do
  request "wrong-san-$(tr A-Z a-z <<<"${name%%:*}")" p256 / -addext "$names, $name"
done
printf '[req]\ndistinguished_name = dn\n[dn]\n[SAN]\n%s, dirName:dir\n[dir]\nCN = vendor.example\n' "$names" > "$work/cnf"
request wrong-san-dirname p256 / -reqexts SAN -config "$work/cnf"
request wrong-commonname p256 "/CN=Vendor Inc." -addext "$names"
request wrong-two-commonnames p256 "/CN=vendor.example/CN=other.example" -addext "$names"
request wrong-no-name p256 /O=Vendor
request wrong-address-as-dns p256 / -addext "subjectAltName = DNS:192.0.2.1"
request wrong-address-in-commonname-alone p256 /CN=192.0.2.1
