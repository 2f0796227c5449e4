package change

// Waiting returns how many changes wait for their turn in a project.
func (s *Service) Waiting(project int64) int {
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	if ln := s.lanes.of[project]; ln != nil {
		return len(ln.waiting)
	}
	return 0
}
