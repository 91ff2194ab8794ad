package readme

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// page is a document with commands, as a reader meets them: from the top to the bottom, in one shell.
type page struct {
	name   string
	where  string // what the reader has when they begin: see places
	blocks []block
	kept   []string // why blocks are not run, one for each
	golang []block  // parts of a Go program, which are compiled
}

// block is commands, and what the page says comes of them.
type block struct {
	line     int
	commands string
	output   string
	from, to int  // the lines of the output, counted from 0
	shown    bool // whether the page shows output; if not, the commands must only succeed
	script   bool // JavaScript, in commands that need node
}

// mark is a comment that readers don't see, on a line of its own: `begin: PLACE` says where a page begins, and
// `not run: REASON`, right before a block, keeps that one from being run.
var mark = regexp.MustCompile(`^<!-- (begin|not run): (.+) -->$`)

// scripted runs a page's JavaScript as a page of the reader's would, whose operator gave it the credential.
const scripted = `id=bootstrap secret=$(sed -n 's/^ *secret: *//p' ~/.config/whittle/profiles/default.yaml) node --input-type=module - <<'JAVASCRIPT'
const { id, secret } = process.env
%sJAVASCRIPT
`

// parse reads the fenced blocks: sh is commands, text right after it is their output; js is run, and go compiled.
func parse(name, text string) (page, error) {
	p := page{name: name, where: "clone"}
	var fence, reason string
	var body []string
	start, after := 0, false // after: the last block was commands that are run
	for i, line := range strings.Split(text, "\n") {
		switch {
		case fence != "" && line == "```":
			content := strings.Join(body, "\n") + "\n"
			switch {
			case fence == "sh" && reason != "":
				p.kept, after = append(p.kept, reason), false
			case fence == "sh":
				p.blocks, after = append(p.blocks, block{line: start, commands: content}), true
			case fence == "js":
				p.blocks, after = append(p.blocks, block{line: start, commands: fmt.Sprintf(scripted, content), script: true}), true
			case fence == "go":
				p.golang = append(p.golang, block{line: start, commands: content})
			case fence == "text" && after:
				last := &p.blocks[len(p.blocks)-1]
				last.output, last.shown, after = content, true, false
				last.from, last.to = start, i
			}
			fence, reason, body = "", "", nil
		case fence != "":
			body = append(body, line)
		case strings.HasPrefix(line, "```"):
			fence, start = strings.TrimPrefix(line, "```"), i+1
			if fence == "bash" || fence == "shell" || fence == "console" {
				return p, fmt.Errorf("%s:%d: call commands sh, so that they are run", name, i+1)
			}
			if fence == "" {
				fence = "nothing"
			}
		case mark.MatchString(line):
			m := mark.FindStringSubmatch(line)
			if m[1] == "begin" {
				p.where = m[2]
			} else {
				reason = m[2]
			}
		case strings.TrimSpace(line) != "":
			after = false
			if reason != "" {
				return p, fmt.Errorf("%s:%d: %q stands before no commands", name, i+1, reason)
			}
		}
	}
	if fence != "" {
		return p, fmt.Errorf("%s:%d: the block doesn't end", name, start)
	}
	return p, nil
}

// pages is README.md and all of docs but the decisions, which show no commands to paste.
func pages() ([]page, error) {
	files := []string{filepath.Join(root, "README.md")}
	more, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		return nil, err
	}
	deeper, err := filepath.Glob(filepath.Join(root, "docs", "*", "*.md"))
	if err != nil {
		return nil, err
	}
	var all []page
	for _, file := range append(append(files, more...), deeper...) {
		name, err := filepath.Rel(root, file)
		if err != nil {
			return nil, err
		}
		name = filepath.ToSlash(name)
		if strings.HasPrefix(name, "docs/decisions/") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		p, err := parse(name, string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// update writes what came into the page, where that is something else than it shows.
func (p page) update(outputs []string) error {
	file := filepath.Join(root, filepath.FromSlash(p.name))
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	for i := len(p.blocks) - 1; i >= 0; i-- {
		b := p.blocks[i]
		if !b.shown || masked(b.output) == masked(outputs[i]) {
			continue
		}
		came := strings.Split(strings.TrimSuffix(presentable(outputs[i]), "\n"), "\n")
		lines = slices.Concat(lines[:b.from], came, lines[b.to:])
	}
	return os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644)
}
