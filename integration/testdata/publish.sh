#!/bin/sh
# What the owner of a domain does with a key, from its first record to its last: add, rotate, remove; and what
# verifiers say meanwhile. In this directory: cnfd.yaml, whose section publish says where the records are written;
# old.jwk and new.jwk, the keys; old.json and new.json, a claim set bound to each; and, at $DAEMON, a daemon.
set -eu
subject=https://$DOMAIN
daemon() { cnfd verify --server "$DAEMON" "$1"; }            # with what it has cached
fresh() { cnfd verify --config cnfd.yaml "$1"; }              # from the root down
must() { want=$1; shift; got=$("$@" 2>&1) || true; case $got in "$want"*) ;; *) echo "$*: $got, want $want" >&2; exit 1 ;; esac; }

must 'refuted: record_absent' fresh old.json
must 'refuted: record_absent' daemon old.json

echo "== add"
cnfd publish add --config cnfd.yaml --subject "$subject" --key old.jwk --ttl 3
must 'confirmed: record_matches' fresh old.json
cnfd publish add --config cnfd.yaml --subject "$subject" --key old.jwk --json >again.json
grep -q '"written":false,"proven":true' again.json
sleep 4 # the daemon has been told of the absence, and may say so for as long as the zone or the set allows (2 s, 3 s)
must 'confirmed: record_matches' daemon old.json
level=0
cnfd publish check --config cnfd.yaml --subject "$subject" --key old.jwk || level=$?
[ $level -le 1 ] # a warning where others have records there that no verifier can use

echo "== rotate"
ln -s old.json inuse.json
cat >switch.sh <<'END'
#!/bin/sh
ln -s new.json inuse.json.next && mv -T inuse.json.next inuse.json
END
chmod 700 switch.sh
touch looping
loop() {
	while [ -e looping ]; do
		verdict=$("$1" inuse.json 2>&1) || true
		echo "${verdict%%
*}" >>"seen.$1"
	done
}
loop daemon & first=$!
loop fresh & second=$!
cnfd publish rotate --config cnfd.yaml --subject "$subject" --from old.jwk --to new.jwk --state state.json --exec ./switch.sh
must 'confirmed: record_matches' fresh old.json
must 'confirmed: record_matches' fresh new.json
cnfd publish rotate --config cnfd.yaml --subject "$subject" --from old.jwk --to new.jwk --state state.json --retire
rm looping
wait $first $second
[ "$(readlink inuse.json)" = new.json ]
for who in daemon fresh; do
	[ "$(wc -l <seen.$who)" -ge 20 ] || { echo "$who was asked $(wc -l <seen.$who) times: the loop is worth nothing" >&2; exit 1; }
	if grep -v '^confirmed: record_matches$' seen.$who >&2; then echo "$who saw something else" >&2; exit 1; fi
	echo "$who: confirmed $(wc -l <seen.$who) times, and nothing else"
done
must 'refuted: record_differs' fresh old.json
must 'confirmed: record_matches' fresh new.json

echo "== remove"
must 'confirmed: record_matches' daemon new.json # which it has cached now
cnfd publish remove --config cnfd.yaml --subject "$subject" --key new.jwk --json >removed.json
until=$(sed -n 's/.*],"until":"\([^"]*\)".*/\1/p' removed.json)
[ -n "$until" ] || { echo "no time is printed: $(cat removed.json)" >&2; exit 1; }
must 'refuted: record_absent' fresh new.json
while [ "$(date +%s)" -lt "$(date -d "$until" +%s)" ]; do sleep 0.1; done
must 'refuted: record_absent' daemon new.json
must 'refuted: record_absent' daemon old.json
if cnfd publish check --config cnfd.yaml --subject "$subject" --key new.jwk; then echo "check misses a key that is gone" >&2; exit 1; fi
echo "== done"
