package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
)

// A line of the source that a comment marks: `// writes: SCENE SCENE; notices: SCENE`.
type marked struct {
	what, scene string
	file        string
	line        int
	// The function that contains it, and its lines.
	function string
	from, to int
}

func (m marked) place() string { return fmt.Sprintf("%s:%d", m.file, m.line) }

// marks returns the marked lines of all programs. The names of files are unique among those that
// have one.
func marks() ([]marked, error) {
	var all []marked
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasPrefix(path, "record") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, group := range file.Comments {
			for _, comment := range group.List {
				line := files.Position(comment.Pos()).Line
				for _, part := range strings.Split(strings.TrimPrefix(comment.Text, "// "), "; ") {
					what, names, found := strings.Cut(part, ": ")
					if !found || what != "writes" && what != "notices" {
						continue
					}
					m := marked{what: what, file: place(path), line: line}
					within(files, file, comment.Pos(), &m)
					for _, name := range strings.Fields(names) {
						m.scene = name
						all = append(all, m)
					}
				}
			}
		}
		return nil
	})
	return all, err
}

// place shortens the path of a source file to what a dump has at its end, two elements.
func place(path string) string {
	return filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path)
}

// within finds the innermost function around a position. A literal is named by the one around it.
func within(files *token.FileSet, file *ast.File, at token.Pos, m *marked) {
	ast.Inspect(file, func(node ast.Node) bool {
		if node == nil || at < node.Pos() || at > node.End() {
			return false
		}
		switch node := node.(type) {
		case *ast.FuncDecl:
			m.function = node.Name.Name
			if node.Recv != nil {
				switch of := node.Recv.List[0].Type.(type) {
				case *ast.StarExpr:
					m.function = fmt.Sprintf("(*%s).%s", of.X, m.function)
				case *ast.Ident:
					m.function = of.Name + "." + m.function
				}
			}
		case *ast.FuncLit:
			m.function += ".func"
		default:
			return true
		}
		m.from, m.to = files.Position(node.Pos()).Line, files.Position(node.End()).Line
		return true
	})
}
