#!/usr/bin/perl
# Says of messages (RFC 2136) whether their SIG(0) (RFC 2931) is that of a key: Net::DNS::SEC says it, which is none of
# our code. The argument is a KEY record; each line of standard input is a message in hex, each line of the output what
# comes of it: "verifies", or "refused: " and why. The clock is this machine's.
use strict;
use warnings;
use Net::DNS;
use Net::DNS::SEC;

my $key = Net::DNS::RR->new($ARGV[0]);

sub why {
	my ($wire) = @_;
	my $message = Net::DNS::Packet->new(\$wire);
	return "malformed: $@" if $@ || !$message;
	my $sig = $message->sigrr;
	# Without this a message that is not signed would pass: verify returns its own argument then.
	return 'no SIG' unless ref($sig) eq 'Net::DNS::RR::SIG';
	return "signed by " . $sig->signame unless lc($sig->signame) eq lc($key->owner);
	return 'no update' unless $message->header->opcode eq 'UPDATE';
	return $message->verify($key) ? '' : $message->verifyerr;
}

$| = 1;
while (my $line = <STDIN>) {
	chomp $line;
	my $why = eval { why(pack 'H*', $line) } // "malformed: $@";
	$why =~ s/\s+/ /g;
	print $why eq '' ? "verifies\n" : "refused: $why\n";
}
