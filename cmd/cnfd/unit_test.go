package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// settingsOf reads a unit's file: the values of each setting of a section, in their order.
func settingsOf(t *testing.T, path string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all, section := map[string][]string{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
		}
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			all[section+name] = append(all[section+name], value)
		}
	}
	return all
}

// TestTheUnitSaysWhatTheDaemonNeeds holds packaging/systemd to what the daemon does for its manager, and to each line of its
// hardening: some of them could go without systemd-analyze's figure rising over 2.0.
func TestTheUnitSaysWhatTheDaemonNeeds(t *testing.T) {
	service := settingsOf(t, "../../packaging/systemd/cnfd.service")
	for name, want := range map[string]string{
		"Type":         "notify", // ready is said once the root is proven (notify.go)
		"NotifyAccess": "main",
		"ExecStart":    "/usr/bin/cnfd serve --config /etc/cnfd/cnfd.yaml",
		"ExecReload":   "/bin/kill -HUP $MAINPID",
		"Restart":      "on-failure", // and after the watchdog's SIGABRT
		"WatchdogSec":  "30s",
		"User":         "cnfd", "Group": "cnfd", "UMask": "0077",
		"StateDirectory": "cnfd", "StateDirectoryMode": "0700",
		"RuntimeDirectory": "cnfd", "RuntimeDirectoryPreserve": "yes",
		"ConfigurationDirectory": "cnfd", "ConfigurationDirectoryMode": "0750",
		"LimitNOFILE": "65536", "MemoryMax": "512M",

		"CapabilityBoundingSet": "", "AmbientCapabilities": "", "NoNewPrivileges": "yes",
		"ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes", "PrivateIPC": "yes",
		"PrivateUsers": "no", // with yes every caller is nobody (SO_PEERCRED), and api.allow_uids is of no use
		"ProtectClock": "yes", "ProtectHostname": "yes", "ProtectKernelLogs": "yes", "ProtectKernelModules": "yes", "ProtectKernelTunables": "yes",
		"ProtectControlGroups": "yes", "ProtectProc": "invisible", "ProcSubset": "pid", "RemoveIPC": "yes", "DevicePolicy": "closed",
		"KeyringMode": "private", "LockPersonality": "yes", "MemoryDenyWriteExecute": "yes", "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
		"RestrictNamespaces": "yes", "RestrictRealtime": "yes", "RestrictSUIDSGID": "yes", "SystemCallArchitectures": "native",
	} {
		if got := service["[Service]"+name]; len(got) != 1 || got[0] != want {
			t.Errorf("cnfd.service: %s=%q, want %q", name, got, want)
		}
	}
	if got, want := service["[Service]SystemCallFilter"], []string{"@system-service", "~@privileged @resources @obsolete"}; !slices.Equal(got, want) {
		t.Errorf("cnfd.service: SystemCallFilter=%q, want %q", got, want)
	}
	// Longer than the daemon itself takes for it; else systemd would kill what is about to do well.
	for name, least := range map[string]time.Duration{"TimeoutStartSec": 2 * readyTime, "TimeoutStopSec": closeTime + time.Second} {
		if got, err := time.ParseDuration(strings.Join(service["[Service]"+name], " ")); err != nil || got < least {
			t.Errorf("cnfd.service: %s=%v, %v: want %v or more", name, got, err, least)
		}
	}
	socket := settingsOf(t, "../../packaging/systemd/cnfd.socket")
	for name, want := range map[string]string{"SocketUser": "cnfd", "SocketGroup": "cnfd", "SocketMode": "0660", "RemoveOnStop": "yes"} {
		if got := socket["[Socket]"+name]; len(got) != 1 || got[0] != want {
			t.Errorf("cnfd.socket: %s=%q, want %q", name, got, want)
		}
	}
}
