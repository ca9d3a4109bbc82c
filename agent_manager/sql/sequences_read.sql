SELECT cluster_id, state FROM aetherius.agent_sequences
