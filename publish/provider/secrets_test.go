package provider

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"cnfd/publish"
)

func TestSecretsAreFoundInFilesOfEveryForm(t *testing.T) {
	for _, tt := range []struct {
		file string
		want []string
		not  []string
	}{
		{"s3cret\n", []string{"s3cret"}, nil},
		{"[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key=wJalrXUtnFEMI/K7MDENG+bPx==\n", []string{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPx=="}, []string{"aws_secret_access_key"}},
		{`{"clientSecret": "aB3~x.y-z_long", "token_uri": "https://oauth2.example/token", "private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n"}`, []string{"aB3~x.y-z_long", "MIIEvQIBADANBg", "kqhkiG9w0BAQEF"}, []string{"https://oauth2.example/token", "private_key"}},
	} {
		got := secretsIn([]byte(tt.file))
		for _, s := range tt.want {
			if !slices.Contains(got, s) {
				t.Errorf("%q: %q is not found in %q", tt.file, s, got)
			}
		}
		for _, s := range tt.not {
			if slices.Contains(got, s) {
				t.Errorf("%q: %q is taken for a secret", tt.file, s)
			}
		}
	}
}

func TestNoSecretInAnyError(t *testing.T) {
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, "I was sent %v\x1b[31m and\n\n%s", r.Header, strings.Repeat("more ", 100))
		}
	}
	for _, status := range []int{400, 401, 403, 404, 409, 412, 418, 422, 429, 500, 503} {
		d := newDesk(t, echo(status))
		_, err := d.api(t).call(t.Context(), request{method: "POST", path: "/x"})
		text := fmt.Sprintf("%v %+v", err, errors.Unwrap(err))
		switch {
		case err == nil || strings.Contains(text, deskSecret):
			t.Errorf("%d: %s", status, text)
		case !strings.Contains(text, "I was sent") || !strings.Contains(text, "(hidden)"):
			t.Errorf("%d: %s: want the provider's words", status, text)
		case len(text) > 450 || strings.ContainsAny(text, "\x1b\n"):
			t.Errorf("%d: %q: want one short line", status, text)
		}
	}
	gone := newDesk(t, answers(200, ""))
	a := gone.api(t)
	gone.Close()
	if _, err := a.call(t.Context(), request{method: "POST", path: "/x?" + deskSecret}); kindOf(err) != publish.Unreachable || strings.Contains(fmt.Sprint(err), deskSecret) || !strings.Contains(err.Error(), "nothing was sent") {
		t.Error(err)
	}
}
