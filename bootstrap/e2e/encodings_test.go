package e2e_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// encoding is a user of another program: who made the hash, in which form.
type encoding struct{ name, password, hash string }

const (
	passlibText   = "t\u00e1\u0411\u2113\u0259"
	djangoText    = "l\u00e8tmein"
	firebaseKey   = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
	beyondBcrypt  = "abc123abc123abc123abc123abc123abc123abc123abc123abc123abc123abc123abc123qwr"
	drepperSalted = "Hello world!"
)

// encodings has every form that docs/howto/import-users.md promises, with the vectors
// of the programs and specifications that define it; where each comes from is told in
// the tests of package scheme.
func encodings() []encoding {
	return []encoding{
		{"bcrypt 2a", "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
		{"bcrypt 2b", "U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
		{"bcrypt 2y", "U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
		{"passlib bcrypt, loose bits", "test", "$2a$04$yjDgE74RJkeqC0/1NheSScrvKeu9IbKDpcQf/Ox3qsrRS/Kw42qIS"},
		{"passlib bcrypt_sha256 1", beyondBcrypt, "$bcrypt-sha256$2b,5$X1g1nh3g0v4h6970O68cxe$021KLEif6epjot5yoxk0m8I0929ohEa"},
		{"passlib bcrypt_sha256 2", beyondBcrypt, "$bcrypt-sha256$v=2,t=2b,r=5$X1g1nh3g0v4h6970O68cxe$CBF9csfEdW68xv3DwE6xSULXMtqEFP."},
		{"Django bcrypt", passlibText, "bcrypt$$2a$05$Z17AXnnlpzddNUvnC6cZNOSwMA/8oNiKnHTHTwLlBijfucQQlHjaG"},
		{"Django bcrypt_sha256", passlibText, "bcrypt_sha256$$2a$06$kCXUnRFQptGg491siDKNTu8RxjBGSjALHRuvhPYNFsa4Ea5d9M48u"},
		{"argon2id", "password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
		{"argon2i", "password", "$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$T/XOJ2mh1/TIpJHfCdQan76Q5esCFVoT5MAeIM1Oq2E"},
		{"Django argon2", "secret", "argon2$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q"},
		{"scrypt", "pleaseletmein", "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"},
		{"Django scrypt", djangoText, "scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw=="},
		{"Firebase", "user1password", "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=" + firebaseKey + "$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="},
		{"passlib pbkdf2_sha1", "password", "$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI"},
		{"passlib pbkdf2_sha256", "password", "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ"},
		{"passlib pbkdf2_sha512", "password", "$pbkdf2-sha512$1212$RHY0Fr3IDMSVO/RSZyb5ow$eNLfBK.eVozomMr.1gYa17k9B7KIK25NOEshvhrSX.esqY3s.FvWZViXz4KoLlQI.BzY/YTNJOiKc5gBYFYGww"},
		{"Django pbkdf2_sha256", passlibText, "pbkdf2_sha256$10000$bEwAfNrH1TlQ$OgYUblFNUX1B8GfMqaCYUK/iHyO0pa7STTDdaEJBuY0="},
		{"Django pbkdf2_sha1", passlibText, "pbkdf2_sha1$10000$KZKWwvqb8BfL$rw5pWsxJEU4JrZAQhHTCO+u0f5Y="},
		{"sha256-crypt", drepperSalted, "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
		{"sha512-crypt", drepperSalted, "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."},
		{"LDAP crypt", drepperSalted, "{CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"},
		{"LDAP SSHA256", "password", "{SSHA256}x1tymSTVjozxQ2PtT46ysrzhZxbcskK0o2f8hEFx7fAQQmhtDSEkJA=="},
		{"LDAP SSHA512", "toomanysecrets", "{SSHA512}wExp4xjiCHS0zidJDC4UJq9EEeIebAQPJ1PWSwfhxWjfutI9XiiKuHm2AE41cEFfK+8HyI8bh+ztbczUGsvVFIgICWWPt7qu"},
	}
}

// settingsOfAll are the settings of all stored hashes, by the address of their owner.
func settingsOfAll(t *testing.T, dir string) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "data", "authserve.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // nothing was written
	rows, err := db.QueryContext(t.Context(), `SELECT a.email, c.settings FROM credentials c JOIN accounts a ON a.id = c.id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // as above
	found := map[string]string{}
	for rows.Next() {
		var email, settings string
		if err := rows.Scan(&email, &settings); err != nil {
			t.Fatal(err)
		}
		found[email] = settings
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// TestEveryEncodingLogsInAndIsReplaced: a user of every program logs in once by the
// hash that came along, and from then on by one of ours.
func TestEveryEncodingLogsInAndIsReplaced(t *testing.T) {
	t.Parallel()
	for name, present := range map[string]struct {
		settings *regexp.Regexp
		extra    []string
	}{
		"argon2id": {regexp.MustCompile(`^\$argon2id\$v=19\$m=19456,t=2,p=1$`), nil},
		"bcrypt and pepper": {
			regexp.MustCompile(`^\$pepper\$[^$]+\$2b\$10$`),
			[]string{"AUTHSERVE_PASSWORD_ALGORITHM=bcrypt", "AUTHSERVE_PASSWORD_BCRYPT_COST=10", "AUTHSERVE_PASSWORD_PEPPER=true"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, all := t.TempDir(), encodings()
			email := func(i int) string { return fmt.Sprintf("user%d@example.com", i) }
			rows := &bytes.Buffer{}
			lines := json.NewEncoder(rows)
			for i, e := range all {
				if err := lines.Encode(map[string]string{"email": email(i), "password_hash": e.hash}); err != nil {
					t.Fatal(err)
				}
			}
			report, _ := importUsers(t, dir, rows.String(), 0, "--format", "jsonl", "-")
			if report.Imported != len(all) {
				t.Fatalf("%+v; want all %d imported", report, len(all))
			}
			c := newCaller(t, startIn(t, dir, present.extra...).HTTP)
			logInAsAll := func() {
				for i, e := range all {
					login := map[string]string{"identifier": email(i), "password": e.password + "x"}
					c.refused(http.MethodPost, pathLogin, login, "", http.StatusUnauthorized, "invalid_credentials")
					login["password"] = e.password
					c.tokens(pathLogin, login)
				}
			}
			stored := settingsOfAll(t, dir)
			for i, e := range all {
				if got := stored[email(i)]; !strings.HasPrefix(got, "$import$") {
					t.Errorf("%s: settings %q before the first login; want an imported hash", e.name, got)
				}
			}
			logInAsAll()
			await(t, func() bool { // a re-hash follows its login soon
				stored = settingsOfAll(t, dir)
				for i := range all {
					if strings.HasPrefix(stored[email(i)], "$import$") {
						return false
					}
				}
				return true
			})
			for i, e := range all {
				if got := stored[email(i)]; !present.settings.MatchString(got) {
					t.Errorf("%s: settings %q after the login; want %s", e.name, got, present.settings)
				}
			}
			logInAsAll()
		})
	}
}
