package change

// Waiting returns how many requests wait for others.
func (s *Service) Waiting() int { return s.queues.lanes.WaitingNow() + s.queues.working.WaitingNow() }

// AdmissionLife is how old an Admission may be.
const AdmissionLife = admissionLife
