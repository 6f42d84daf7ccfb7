package scheme

// Bounds of the cost of one verification: about two seconds of one core of a server
// of 2023, and 256 MiB. They are wide enough for the defaults of passlib, Django and
// argon2's libraries, and for twice the advice of the OWASP Password Storage Cheat
// Sheet. The times were measured with GOMAXPROCS=1 on an AMD EPYC (family 25).
const (
	// 256 MiB: four times what RFC 9106 section 4 recommends where memory is scarce.
	// The first recommendation there, 2 GiB, would be the whole of a small server.
	maxArgon2MemoryKiB = 256 << 10
	maxArgon2Time      = 10
	maxArgon2Lanes     = 8
	// KiB times passes: 8 passes over 256 MiB take 2 s, in however many lanes, because
	// a worker has one core.
	maxArgon2Work = 2 << 20

	lowestBcryptCost  = 4  // the least that bcrypt can do
	highestBcryptCost = 15 // 1.8 s, and the next is twice that

	// For new hashes: 10 is the OWASP minimum, 14 takes 0.9 s of each login.
	lowestNewBcryptCost  = 10
	highestNewBcryptCost = 14

	maxScryptBlocks = 2 << 20 // N times r, of 128 bytes each: 256 MiB
	maxScryptR      = 64      // keeps what scrypt needs beside these blocks small; usual is 8
	maxScryptP      = 8
	// N times r times p: 1.3 s with r=8. Django's default is 0.7 million, passlib's 0.5.
	maxScryptWork = 4 << 20
	// Smaller blocks cost more than their size says, since memory is read in larger ones.
	leastScryptR = 4

	// 1.9 s with SHA-512, 0.7 s with SHA-256. Django's default of 2025 is 1,200,000.
	maxPBKDF2Iterations = 4_000_000

	lowestSHACryptRounds = 1000 // the least that SHA-crypt can do
	// 0.5 s for a password of 72 bytes. passlib's default is 656,000.
	highestSHACryptRounds = 1_000_000
	// Each round hashes the password again, so whoever types a longer one would choose
	// what a login costs: 3 s for one of 1024 bytes.
	longestSHACryptPassword = 128
)

// Bounds of salts and digests in bytes.
const (
	// SaltSize is that of the salts for Settings.Make (RFC 9106 section 3.1).
	SaltSize = 16

	newKeySize    = 32 // of new argon2id hashes (RFC 9106 section 4)
	lowestKey     = 16 // 128 bits: nothing shorter can be told from chance for certain
	highestKey    = 64 // the longest of any scheme
	highestSalt   = 64
	lowestSalt    = 4 // LDAP servers write salts as short as this
	lowestSaltArg = 8 // argon2 takes none shorter (RFC 9106 section 3.1)
)

// sundries is what a computation allocates at most beside the memory of its cost:
// bcrypt's tables and the states of the hash functions take 2 to 5 KiB, argon2's
// bookkeeping of lanes up to 20 KiB.
const sundries = 64 << 10

// maxText is longer than any text within the bounds.
const maxText = 512
