package githosts

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

func TestALineBreakAtTheEndOfASecretIsNoPartOfIt(t *testing.T) {
	const web, ssh = "https://git.example.com/a/b.git", "git@git.example.com:a/b.git"
	for sentence, c := range map[string]struct {
		url  string
		data map[string][]byte
		want map[string][]byte
	}{
		"as a file ends": {web, map[string][]byte{"username": []byte("bot\n"), "password": []byte("correct horse\r\n")},
			map[string][]byte{"username": []byte("bot"), "password": []byte("correct horse")}},
		"spaces may be meant": {web, map[string][]byte{"username": []byte("bot"), "password": []byte(" a \n")},
			map[string][]byte{"username": []byte("bot"), "password": []byte(" a ")}},
		"the address too": {web, map[string][]byte{"username": []byte("bot"), "password": []byte("a"),
			"url": []byte("https://git.example.com/\n")},
			map[string][]byte{"username": []byte("bot"), "password": []byte("a")}},
		"an SSH key ends with one": {ssh, map[string][]byte{"sshPrivateKey": []byte("-----END-----\n")},
			map[string][]byte{"sshPrivateKey": []byte("-----END-----\n")}},
	} {
		t.Run(sentence, func(t *testing.T) {
			got, p := CredentialsFor(c.url, &corev1.Secret{Data: c.data})
			if diff := cmp.Diff(c.want, got); diff != "" || p != nil {
				t.Error(p, diff)
			}
		})
	}
	if _, p := CredentialsFor(web, &corev1.Secret{Data: map[string][]byte{
		"username": []byte("bot"), "password": []byte("\n")}}); p == nil || p.Reason != api.ReasonCredentialsInvalid {
		t.Errorf("a password that is a line break alone: got %v", p)
	}
}

// A Secret whose address is nothing but white space was meant for some host, and nobody knows for which.
func TestASecretForABlankAddressFitsNoHost(t *testing.T) {
	const web, ssh = "https://git.example.com/a/b.git", "git@git.example.com:a/b.git"
	for of, fits := range map[string]bool{
		"": true, " ": false, "\n": false, "\r\n\t ": false, "/": false, " /\n": false,
	} {
		secret := &corev1.Secret{Data: map[string][]byte{"url": []byte(of), "username": []byte("bot"),
			"password": []byte("a"), "sshPrivateKey": []byte("b")}}
		for _, url := range []string{web, ssh} {
			_, p := CredentialsFor(url, secret)
			if IsFor(secret, url) != fits || (p == nil) != fits {
				t.Errorf("%q for %s: fits %t, %v", of, url, IsFor(secret, url), p)
			}
		}
	}
}
