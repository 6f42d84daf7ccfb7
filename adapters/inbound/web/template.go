package web

const style = `body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}
th,td{border-bottom:1px solid #ccc;padding:.4rem;text-align:left}
pre{background:#f4f4f4;padding:1rem;white-space:pre-wrap;overflow-wrap:anywhere}`

// page is the source of an HTML template: body under title.
func page(title, body string) string {
	return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>` + title + `</title>
<style>` + style + `</style>
</head>
<body>
<h1>` + title + `</h1>
` + body + `</body>
</html>
`
}

const listBody = `{{if .Items}}<table>
<thead><tr><th>Caught</th><th>To</th><th>Subject</th></tr></thead>
<tbody>
{{range .Items}}<tr>
<td><time>{{.CaughtAt.Format "2006-01-02T15:04:05Z07:00"}}</time></td>
<td>{{.To}}</td>
<td><a href="/dev/mail/{{.ID}}">{{.Subject}}</a></td>
</tr>
{{end}}</tbody>
</table>
{{else}}<p>No message yet.</p>
{{end}}`

const messageBody = `<p>To {{.To}}, <time>{{.CaughtAt.Format "2006-01-02T15:04:05Z07:00"}}</time>, kind {{.Kind}}</p>
{{range .Links}}<p><a href="{{.}}">{{.}}</a></p>
{{end}}<pre>{{.Text}}</pre>
{{with .HTML}}<details>
<summary>Source of the HTML part</summary>
<pre>{{.}}</pre>
</details>
{{end}}<p><a href="/dev/mail">All messages</a></p>
`
