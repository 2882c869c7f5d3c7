// Package stories plays whole stories in one process, without root and without a socket: the resolver, the
// verifier and the DNS listener, wired as the daemon wires them, in front of name servers that a text file
// describes. It holds tests only; the stories are testdata/*.rpl, and a story's name is what it shows.
//
// # A story
//
// The format is the replay format of Unbound's testbound, the part of it that is needed here, with words of our own
// for zones that are served honestly and for verdicts. A word that is not known is an error with file and line.
//
//	cache: {max_ttl: 1h}              our own configuration keys, YAML, and begins: the time at which the story begins
//	CONFIG_END
//	SCENARIO_BEGIN one line that says what happens
//
//	ZONE_BEGIN vendor.example.        a zone, signed when it is loaded and served honestly at these addresses; above it
//	SERVER 192.0.2.4 192.0.2.5        the zone that delegates to it gets its NS, glue and DS
//	SIGNED algorithm=13 denial=nsec3  or: SIGNED no. Also iterations=, optout, for=, since=, key=, ds=no, ds=sha1
//	jwk.cnf 300 TLSA 255 255 255 …    records, names relative to the zone; SOA, NS and their addresses are made where
//	ZONE_END                          they are not given
//
//	RANGE_BEGIN 20 100                what is said in place of the zones from step 20 to step 100
//	ADDRESS 192.0.2.4
//	ENTRY_BEGIN
//	MATCH qname qtype                 also: opcode, question, subdomain, UDP, TCP
//	ADJUST honest strip=RRSIG         the honest answer without signatures; also: flip=TYPE (a bit of its data), do_not_answer,
//	REPLY QR AA NOERROR               copy_id, copy_query, sleep=SECONDS. Without honest the message is as written.
//	SECTION QUESTION                  SECTION ANSWER, AUTHORITY, ADDITIONAL: records of the message, added to an honest one
//	jwk.cnf.vendor.example. IN TLSA
//	ENTRY_END
//	RANGE_END
//
//	STEP 1 VERIFY                     a claim set, to the verifier; or AGAIN, for the one before. MAX_AGE SECONDS, AT TIME, TIMES N
//	{"sub": "https://vendor.example", "cnf": {"jwk": …}}
//	STEP 1 PRECHECK                   the same, of every name server: likewise, without MAX_AGE and AT
//	STEP 2 CHECK_VERDICT confirmed record_matches
//	SAYS …                            words of the DNS trouble's text, up to the line's end; DETAIL words of the detail; EDE N; CACHED yes or no
//	STEP 3 CHECK_SENT <= 7            messages that the question before has cost
//	STEP 4 CHANGE vendor.example.     the zone's owner changes it: an RRset that is written replaces the one that was there,
//	REMOVE jwk.cnf TLSA               REMOVE takes one away, SIGNED signs anew, SERVER moves it (its old servers go on as before),
//	ZONE_END                          DELEGATE ZONE gives one below its servers and DS of now; a zone that was not there is made
//	STEP 5 TIME_PASSES ELAPSE 300
//	STEP 6 RESTART                    the daemon ends and begins anew, with the snapshot that it left; KILLED: without
//	STEP 7 QUERY                      one ENTRY: a question to the DNS listener
//	STEP 8 CHECK_ANSWER               one ENTRY: what it must have said. MATCH all, or some of opcode qname qtype rcode flags
//	SCENARIO_END                      answer authority additional ttl ede=N
//
// A server whose address is in a RANGE of this step, and that has neither an entry nor a zone for a question, says
// SERVFAIL, and the failing story lists the question. An address that nothing is at stays silent. At the address of a
// forwarder of the configuration there is a resolver of ours that walks by itself.
package stories
