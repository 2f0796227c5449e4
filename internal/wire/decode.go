package wire

// readDestination reads a string, or newer clients' {"environment","namespaces"}, whose namespaces count as the
// member of that name.
func readDestination(r *reader) given[string] {
	v, at, present := r.find("destination")
	g := given[string]{present: present, null: present && v == nil}
	switch v := v.(type) {
	case nil:
	case string:
		g.value = v
	case *object:
		r.within("destination", func(d *reader) {
			g.value = d.text("environment").value
			namespaces := d.texts("namespaces")
			if !namespaces.present || namespaces.null {
				return
			}
			if r.texts("namespaces").present {
				r.wrongTwice("namespaces", "destination.namespaces")
			}
			list, _, _ := d.find("namespaces")
			r.object.members = append(r.object.members, member{"namespaces", list})
		})
	default:
		r.wrong(at, "a string or an object", v)
	}
	return g
}

func (r *reader) wrongTwice(a, b string) {
	if r.root.failure == nil {
		r.root.failure = badRequest("members %q and %q mean the same: remove one", a, b).At(a)
	}
}

func readGitLab(r *reader) *GitLabBody {
	g := &GitLabBody{}
	r.within("git", func(git *reader) {
		git.within("gitlab", func(lab *reader) {
			lab.tolerate("ssh_url_to_repo", "http_url_to_repo")
			g.Name, g.Path = pointer(lab.text("name")), pointer(lab.text("path"))
			g.Visibility, g.Description = pointer(lab.text("visibility")), pointer(lab.text("description"))
			g.ParentID = pointer(lab.number("parent_id"))
		})
	})
	return g
}

func pointer[T any](g given[T]) *T {
	if !g.present || g.null {
		return nil
	}
	return &g.value
}
