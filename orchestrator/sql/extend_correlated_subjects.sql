ALTER TABLE aetherius.correlated_subjects ADD COLUMN IF NOT EXISTS last_sign timestamptz
