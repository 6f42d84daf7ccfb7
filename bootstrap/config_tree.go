package bootstrap

import (
	"math"
	"net/netip"
	"time"

	"authserve/adapters/outbound/letters"
	"authserve/adapters/outbound/redisconn"
	"authserve/core/domain"
)

type durations = span[time.Duration]

type numbers = span[int]

const day = 24 * time.Hour

// configTree is every setting, in the order in which they are printed and
// documented. Ranges of durations hold in production.
func configTree() []leaf {
	tree := []leaf{
		choiceLeaf("env", Development, "How strict the service is with its own configuration. `production` refuses what is convenient and unsafe.",
			func(c *Config) *Environment { return &c.Env }, Development, Production),
		textLeaf("data_dir", "./data", "a directory", "Where the SQLite database and, in development, the generated master key are kept. Created when missing.",
			func(c *Config) *string { return &c.DataDir }, nil),
		worded("the bound address, in development only", textLeaf("issuer", "", "an http or https URL", "The `iss` of tokens, and the base of the discovery documents. Production needs it, with https unless it is a loopback address.",
			func(c *Config) *string { return &c.Issuer }, checkIssuer)),
		worded("the issuer", textLeaf("audience", "", "text", "The `aud` of tokens.",
			func(c *Config) *string { return &c.Audience }, nil)),
		worded("generated in `data_dir`, in development only", secretLeaf("master_key", "at least 32 bytes in base64",
			"The key from which all keys at rest are derived. Production needs it. Make one with `openssl rand -base64 32`. Several keys stand on lines of their own: the first is used for new work, the others still open what they sealed.",
			func(c *Config) *domain.Secret { return &c.MasterKey }, nil)),
		prefixesLeaf("trusted_proxies", "CIDR prefixes", "Networks of the reverse proxies whose forwarding headers and trace context are believed.",
			func(c *Config) *[]netip.Prefix { return &c.TrustedProxies }),

		textLeaf("http.addr", "127.0.0.1:8080", "host:port", "Address of the public listener. Port 0 picks a free port; an empty host means all interfaces.",
			func(c *Config) *string { return &c.HTTP.Addr }, checkListenAddr),
		durationLeaf("http.read_header_timeout", 5*time.Second, durations{time.Second, time.Minute}, "Time to read the header of a request.",
			func(c *Config) *time.Duration { return &c.HTTP.ReadHeaderTimeout }),
		durationLeaf("http.read_timeout", 10*time.Second, durations{time.Second, 5 * time.Minute}, "Time to read a whole request.",
			func(c *Config) *time.Duration { return &c.HTTP.ReadTimeout }),
		durationLeaf("http.write_timeout", 15*time.Second, durations{time.Second, 5 * time.Minute}, "Time from the end of the request's header to the end of the response. Must be longer than `http.request_timeout`.",
			func(c *Config) *time.Duration { return &c.HTTP.WriteTimeout }),
		durationLeaf("http.idle_timeout", time.Minute, durations{time.Second, 10 * time.Minute}, "How long an idle connection is kept.",
			func(c *Config) *time.Duration { return &c.HTTP.IdleTimeout }),
		durationLeaf("http.request_timeout", 10*time.Second, durations{100 * time.Millisecond, 2 * time.Minute}, "Deadline for the work of one request.",
			func(c *Config) *time.Duration { return &c.HTTP.RequestTimeout }),
		intLeaf("http.max_header_bytes", 16384, numbers{4096, 1 << 20}, "bytes", "Size limit of a request's header.",
			func(c *Config) *int { return &c.HTTP.MaxHeaderBytes }),
		durationLeaf("http.shutdown_timeout", 20*time.Second, durations{time.Second, 10 * time.Minute}, "How long requests under way may take to finish after SIGTERM.",
			func(c *Config) *time.Duration { return &c.HTTP.ShutdownTimeout }),
		listLeaf("http.cors_origins", "origins such as https://app.example.com", "Origins whose pages may call the API. Empty: CORS is off. Wildcards are refused.",
			func(c *Config) *[]string { return &c.HTTP.CORSOrigins }, checkOrigin),

		textLeaf("ops.addr", "127.0.0.1:9090", "host:port", "Address of the operations listener: probes, metrics, circuit breakers. Keep it off the public network.",
			func(c *Config) *string { return &c.Ops.Addr }, checkListenAddr),
		listLeaf("ops.hosts", "host names without port", "Names under which the operations listener may be asked, beside loopback addresses. Requests with another Host header are refused.",
			func(c *Config) *[]string { return &c.Ops.Hosts }, checkHost),
		boolLeaf("ops.pprof", false, "Whether the operations listener serves the Go profiler under `/debug/pprof/`.",
			func(c *Config) *bool { return &c.Ops.Pprof }),

		worded("`authserve.db` in `data_dir`", secretLeaf("database.url", "`sqlite:///path`, `postgres://user:password@host:5432/database`, `mysql://user:password@host:3306/database`",
			"The database.", func(c *Config) *domain.Secret { return &c.Database.URL }, checkDatabaseURL)),
		choiceLeaf("database.migrate", MigrateAuto, "What start-up does about pending migrations: apply them, refuse to start, or not look.",
			func(c *Config) *MigrateMode { return &c.Database.Migrate }, MigrateAuto, MigrateCheck, MigrateOff),
		choiceLeaf("database.synchronous", "full", "SQLite's durability. With `normal` the last commits can be lost with the machine's power, though not with the process.",
			func(c *Config) *string { return &c.Database.Synchronous }, "full", "normal"),
		intLeaf("database.readers", 0, numbers{0, 1000}, "connections", "Connections that read, at most. 0: 4 on SQLite, where 64 are the most, and 16 elsewhere.",
			func(c *Config) *int { return &c.Database.Readers }),
		intLeaf("database.writers", 0, numbers{0, 1000}, "connections", "Connections that write, at most. 0: 16. SQLite always has one.",
			func(c *Config) *int { return &c.Database.Writers }),
		durationLeaf("database.statement_timeout", 10*time.Second, durations{100 * time.Millisecond, 10 * time.Minute}, "After how long PostgreSQL or MySQL ends a statement. SQLite ends one with its request.",
			func(c *Config) *time.Duration { return &c.Database.StatementTimeout }),
		durationLeaf("database.busy_timeout", 5*time.Second, durations{100 * time.Millisecond, time.Minute}, "How long SQLite waits for a lock that another process holds.",
			func(c *Config) *time.Duration { return &c.Database.BusyTimeout }),

		durationLeaf("cache.ttl", time.Second, durations{0, time.Second}, "How long a session and its account are remembered after they were read, so that the next request needs no database. What this process writes it sees at once, what others write (replicas, the command line) after this time at the latest, and with `redis.url` sooner: an ended session is refused so soon. 0: off.",
			func(c *Config) *time.Duration { return &c.Cache.TTL }),
		durationLeaf("cache.stale", 30*time.Second, durations{0, 30 * time.Second}, "How long instead while the database does not answer. 0: not at all.",
			func(c *Config) *time.Duration { return &c.Cache.Stale }),
		intLeaf("cache.entries", 100000, numbers{1, 10000000}, "entries", "How many sessions are remembered, about 1.5 KB each; the least recently used goes.",
			func(c *Config) *int { return &c.Cache.Entries }),

		secretLeaf("redis.url", "`redis://user:password@host:6379`, `rediss://…` with TLS, `unix:///path`",
			"Redis, by which several replicas on one database share their rate limits and see each other's writes at once instead of after `cache.ttl`. Nothing is lost with it, and the service works without it. Empty: each replica limits alone.",
			func(c *Config) *domain.Secret { return &c.Redis.URL }, redisconn.CheckURL),

		secretLeaf("smtp.url", "`smtp://user:password@host:587`, `smtps://…`", "The mail server. Empty: in development, while both listeners are loopback addresses, mail goes to the developer mailbox on the operations listener; otherwise it is abandoned, visibly.",
			func(c *Config) *domain.Secret { return &c.SMTP.URL }, checkSMTPURL),
		textLeaf("smtp.from", "", "a mail address", "The sender of mail. Needed with `smtp.url`.",
			func(c *Config) *string { return &c.SMTP.From }, checkMailAddress),
		durationLeaf("smtp.timeout", 10*time.Second, durations{time.Second, time.Minute}, "Time for one mail, from connecting to acceptance.",
			func(c *Config) *time.Duration { return &c.SMTP.Timeout }),
		textLeaf("mail.product_name", "authserve", "one line of at most 64 bytes", "What mails call the service.",
			func(c *Config) *string { return &c.Mail.ProductName }, letters.CheckProduct),
		textLeaf("mail.locale", "en", "a language that has templates: `en`, `de`, or one of `mail.templates`", "The language of mails to those who chose none, or one without templates.",
			func(c *Config) *string { return &c.Mail.Locale }, nil),
		textLeaf("mail.templates", "", "a directory", "Templates of mails that replace those of the program, file by file, or add languages; see the howto on mail. All of them are tried at start.",
			func(c *Config) *string { return &c.Mail.Templates }, nil),
		worded("the issuer", textLeaf("links.base_url", "", "an http or https URL", "What the links in mails begin with: the address under which browsers reach this service. Production needs https unless it is a loopback address.",
			func(c *Config) *string { return &c.Links.BaseURL }, checkLinksBase)),

		choiceLeaf("log.level", "info", "The lowest level that is logged.",
			func(c *Config) *string { return &c.Log.Level }, "debug", "info", "warn", "error"),
		worded("`json` in production, `console` in development", optional(choiceLeaf("log.format", "", "The form of log lines.",
			func(c *Config) *string { return &c.Log.Format }, "json", "console"))),

		intLeaf("password.min_length", domain.DefaultPasswordMinimum, numbers{domain.LowestPasswordMinimum, 64}, "characters", "The shortest new password (NIST SP 800-63B-4 section 3.1.1.2).",
			func(c *Config) *int { return &c.Password.MinLength }),
		choiceLeaf("password.algorithm", "argon2id", "The algorithm of new password hashes. Hashes of the other one go on working.",
			func(c *Config) *string { return &c.Password.Algorithm }, "argon2id", "bcrypt"),
		intLeaf("password.bcrypt_cost", 12, numbers{10, 14}, "(log2 of the rounds)", "The cost of bcrypt.",
			func(c *Config) *int { return &c.Password.BcryptCost }),
		intLeaf("password.argon2_memory_kib", 19456, numbers{1024, 262144}, "KiB", "The memory of one argon2id hash. Production needs one of the OWASP minima together with `password.argon2_time`.",
			func(c *Config) *int { return &c.Password.Argon2MemoryKiB }),
		intLeaf("password.argon2_time", 2, numbers{1, 10}, "passes", "The passes of argon2id.",
			func(c *Config) *int { return &c.Password.Argon2Time }),
		intLeaf("password.argon2_parallelism", 1, numbers{1, 8}, "lanes", "The lanes of argon2id.",
			func(c *Config) *int { return &c.Password.Argon2Parallelism }),
		boolLeaf("password.pepper", false, "Whether passwords go through an HMAC with a key of the master key before they are hashed, so that the database alone is not enough to guess them. Without the master key nobody can log in any more; see the howto on passwords before turning it on.",
			func(c *Config) *bool { return &c.Password.Pepper }),
		listLeaf("password.context_words", "words of 3 to 64 characters", "Words that everybody expects in a password here, such as the name of the company. `authserve` is always one.",
			func(c *Config) *[]string { return &c.Password.ContextWords }, checkContextWord),
		choiceLeaf("password.isolation", IsolationAuto, "Where hashes are computed: in child processes of lowest priority where they can be started (`auto`), only there (`process`), or in the service's own process (`none`). `authserve doctor` tells what was chosen and why.",
			func(c *Config) *Isolation { return &c.Password.Isolation }, IsolationAuto, IsolationProcess, IsolationNone),
		intLeaf("password.nice", 19, numbers{0, 19}, "(nice value)", "The priority of the child processes: 19 is the lowest.",
			func(c *Config) *int { return &c.Password.Nice }),
		intLeaf("password.workers", 0, numbers{0, 256}, "workers", "How many passwords are hashed at a time. 0: one for each usable core; under a CPU quota one less than its whole cores.",
			func(c *Config) *int { return &c.Password.Workers }),
		intLeaf("password.queue", 256, numbers{1, 10000}, "requests", "How many requests may wait for a worker; beyond it the answer is 503.",
			func(c *Config) *int { return &c.Password.Queue }),

		durationLeaf("token.access_ttl", 10*time.Minute, durations{time.Minute, time.Hour}, "Lifetime of an access token.",
			func(c *Config) *time.Duration { return &c.Token.AccessTTL }),
		durationLeaf("token.refresh_grace", 30*time.Second, durations{0, 2 * time.Minute}, "How long after its first use a refresh token may be tried again and gets the same successor.",
			func(c *Config) *time.Duration { return &c.Token.RefreshGrace }),
		choiceLeaf("token.algorithm", domain.ES256, "The signature algorithm of access tokens. A change publishes a new key at the next start and signs with it some minutes later; tokens of the old key stay good until they expire.",
			func(c *Config) *domain.Algorithm { return &c.Token.Algorithm }, domain.ES256, domain.EdDSA, domain.RS256),
		durationLeaf("token.leeway", 30*time.Second, durations{0, 2 * time.Minute}, "Tolerated difference of clocks when a token's times are checked.",
			func(c *Config) *time.Duration { return &c.Token.Leeway }),
		offDurationLeaf("token.key_rotation", 90*day, durations{time.Hour, 366 * day}, "Age at which a signing key is replaced.",
			func(c *Config) *time.Duration { return &c.Token.KeyRotation }),

		durationLeaf("session.idle_ttl", 14*day, durations{5 * time.Minute, 90 * day}, "A session that is not refreshed for this long has ended. Longer than `token.access_ttl`, at most `session.absolute_ttl`.",
			func(c *Config) *time.Duration { return &c.Session.IdleTTL }),
		durationLeaf("session.absolute_ttl", 30*day, durations{15 * time.Minute, 366 * day}, "A session ends this long after its login, however much it is used (NIST SP 800-63B-4).",
			func(c *Config) *time.Duration { return &c.Session.AbsoluteTTL }),
		intLeaf("session.max_per_account", 20, numbers{1, domain.MaxPageLimit}, "sessions", "How many sessions an account may have; the oldest goes.",
			func(c *Config) *int { return &c.Session.MaxPerAccount }),
	}
	tree = append(tree, circuitLeaves("guard.db_read", "Reading from the database", CircuitConfig{2 * time.Second, 128, 20, 50, 5 * time.Second},
		func(c *Config) *CircuitConfig { return &c.Guard.DBRead })...)
	tree = append(tree, circuitLeaves("guard.db_write", "Writing to the database", CircuitConfig{5 * time.Second, 128, 20, 50, 5 * time.Second},
		func(c *Config) *CircuitConfig { return &c.Guard.DBWrite })...)
	tree = append(tree, circuitLeaves("guard.hash", "Hashing one password", CircuitConfig{8 * time.Second, 1024, 20, 50, 5 * time.Second},
		func(c *Config) *CircuitConfig { return &c.Guard.Hash })...)
	tree = append(tree, circuitLeaves("guard.mail", "Sending one mail", CircuitConfig{15 * time.Second, 4, 5, 50, 30 * time.Second},
		func(c *Config) *CircuitConfig { return &c.Guard.Mail })...)
	tree = append(tree, circuitLeaves("guard.breach", "Asking for a breached password", CircuitConfig{2 * time.Second, 64, 5, 50, 30 * time.Second},
		func(c *Config) *CircuitConfig { return &c.Guard.Breach })...)
	tree = append(tree, circuitLeaves("guard.redis", "Telling other replicas of a write", CircuitConfig{250 * time.Millisecond, 2, 5, 50, time.Second},
		func(c *Config) *CircuitConfig { return &c.Guard.Redis })...)
	tree = append(tree, circuitLeaves("guard.limiter", "One decision of the rate limiter in Redis", CircuitConfig{100 * time.Millisecond, 128, 20, 50, time.Second},
		func(c *Config) *CircuitConfig { return &c.Guard.Limiter })...)
	tree = append(tree, rateLimitLeaves()...)
	return append(tree,
		durationLeaf("upkeep.interval", time.Minute, durations{10 * time.Second, day}, "How often upkeep runs: due key rotation, removal of what is over.",
			func(c *Config) *time.Duration { return &c.Upkeep.Interval }),
		durationLeaf("upkeep.session_retention", 7*day, durations{time.Hour, 366 * day}, "How long an ended session is kept.",
			func(c *Config) *time.Duration { return &c.Upkeep.SessionRetention }),
		durationLeaf("upkeep.message_retention", 3*day, durations{time.Hour, 366 * day}, "How long a mail is kept after it was sent or given up.",
			func(c *Config) *time.Duration { return &c.Upkeep.MessageRetention }),
		durationLeaf("audit.retention", 400*day, durations{day, 3660 * day}, "How long an audit event is kept. Keep a master key that was replaced in the key file for as long, or what it sealed can be neither verified nor removed.",
			func(c *Config) *time.Duration { return &c.Audit.Retention }),
		boolLeaf("registration.privacy", false, "Whether registration hides that an address has an account: it answers the same either way, and tells by mail. Login then needs a verified address, as below.",
			func(c *Config) *bool { return &c.Registration.Privacy }),
		boolLeaf("registration.require_verified_email", false, "Whether login needs a verified address. Accounts that somebody registered, nobody verified within 7 days and nobody ever logged in to are then removed; those that an operator created or imported stay.",
			func(c *Config) *bool { return &c.Registration.RequireVerifiedEmail }),
		textLeaf("breach.url", "", "an https URL, such as https://api.pwnedpasswords.com", "The base of a range query for breached passwords (k-anonymity: five characters of a SHA-1 leave). Empty: off. When it does not answer, registration goes on.",
			func(c *Config) *string { return &c.Breach.URL }, checkBreachURL),
		textLeaf("backup.dir", "", "a directory that exists", "Where snapshots of the SQLite database are put, best on another disk. Empty: none are taken.",
			func(c *Config) *string { return &c.Backup.Dir }, nil),
		durationLeaf("backup.interval", day, durations{time.Minute, 366 * day}, "From one snapshot to the next.",
			func(c *Config) *time.Duration { return &c.Backup.Interval }),
		intLeaf("backup.keep", 7, numbers{1, 10000}, "snapshots", "How many snapshots stay; the oldest goes. Files of other names in `backup.dir` are left alone.",
			func(c *Config) *int { return &c.Backup.Keep }),
	)
}

// circuitLeaves are the five settings of one circuit breaker.
func circuitLeaves(path, what string, def CircuitConfig, at func(*Config) *CircuitConfig) []leaf {
	return []leaf{
		durationLeaf(path+".timeout", def.Timeout, durations{10 * time.Millisecond, 2 * time.Minute}, what+": deadline of one call, waiting for a slot included.",
			func(c *Config) *time.Duration { return &at(c).Timeout }),
		intLeaf(path+".max_concurrent", def.MaxConcurrent, numbers{1, 10000}, "calls", "Calls under way at a time; others wait until their deadline.",
			func(c *Config) *int { return &at(c).MaxConcurrent }),
		intLeaf(path+".request_volume", def.RequestVolume, numbers{1, math.MaxInt32}, "calls", "Calls in 10 s below which the circuit never opens.",
			func(c *Config) *int { return &at(c).RequestVolume }),
		intLeaf(path+".error_percent", def.ErrorPercent, numbers{1, 100}, "percent", "Share of failures at which the circuit opens.",
			func(c *Config) *int { return &at(c).ErrorPercent }),
		durationLeaf(path+".sleep_window", def.SleepWindow, durations{100 * time.Millisecond, 10 * time.Minute}, "How long an open circuit refuses before it tries again.",
			func(c *Config) *time.Duration { return &at(c).SleepWindow }),
	}
}

// worded gives the default of l in words, where it depends on something else.
func worded(words string, l leaf) leaf {
	l.defDoc = words
	return l
}

// optional lets l be empty, which means its default in words.
func optional(l leaf) leaf {
	set := l.set
	l.set = func(c *Config, r rawValue) error {
		if r.Text == "" {
			return nil
		}
		return set(c, r)
	}
	return l
}
