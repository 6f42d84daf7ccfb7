package httpapi

import "strings"

// deviceName is a short name for the program and system of a User-Agent, such as
// "Firefox on Linux", so that owners recognise their sessions. It is a hint:
// clients write what they like. "Unknown device" when nothing is recognised.
func deviceName(userAgent string) string {
	// Browsers name their ancestors too, so the order decides.
	program := firstMatch(userAgent, [][2]string{
		{"Edg", "Edge"},
		{"OPR/", "Opera"},
		{"SamsungBrowser/", "Samsung Internet"},
		{"Firefox/", "Firefox"},
		{"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"},
		{"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
		{"curl/", "curl"},
		{"Wget/", "Wget"},
		{"python-requests/", "Python"},
		{"okhttp/", "OkHttp"},
		{"Go-http-client/", "Go"},
	})
	system := firstMatch(userAgent, [][2]string{
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"Android", "Android"},
		{"Windows", "Windows"},
		{"CrOS", "ChromeOS"},
		{"Macintosh", "Mac"},
		{"Linux", "Linux"},
	})
	switch {
	case program != "" && system != "":
		return program + " on " + system
	case program != "":
		return program
	case system != "":
		return system
	default:
		return "Unknown device"
	}
}

// firstMatch returns the name of the first mark that stands in s.
func firstMatch(s string, marks [][2]string) string {
	for _, m := range marks {
		if strings.Contains(s, m[0]) {
			return m[1]
		}
	}
	return ""
}
