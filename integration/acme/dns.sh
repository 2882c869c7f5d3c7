#!/bin/sh
# Sets and removes the TXT record of a dns-01 challenge, called as each client calls its hooks. The name server is
# LAB_DNS, and the file of the key that may update LAB_KEY.
set -e
case "$1" in
  present|cleanup)                                   # lego, and the clients beside this file
    do=$1 name=$2 text=$3 ;;
  deploy_challenge|clean_challenge)                  # dehydrated
    do=$1 name=_acme-challenge.$2 text=$4 ;;
  begin|done|failed)                                 # uacme
    [ "$2" = dns-01 ] || exit 1
    do=$1 name=_acme-challenge.$3 text=$5 ;;
  challenge-dns-start|challenge-dns-stop)            # acmetool
    do=$1 name=_acme-challenge.$2 text=$4 ;;
  "")                                                # certbot
    do=${CERTBOT_AUTH_OUTPUT+cleanup} name=_acme-challenge.$CERTBOT_DOMAIN text=$CERTBOT_VALIDATION ;;
  challenge-*|live-updated) exit 42 ;;               # acmetool: not what this hook is for
  *) exit 0 ;;                                       # dehydrated: other events
esac
case "$do" in
  present|deploy_challenge|begin|challenge-dns-start|"") change="add $name 1 TXT \"$text\"" ;;
  *) change="delete $name TXT \"$text\"" ;;
esac
printf 'server %s\n%s\nupdate %s\nsend\n' "$LAB_DNS" "" "$change" | nsupdate -k "$LAB_KEY"
