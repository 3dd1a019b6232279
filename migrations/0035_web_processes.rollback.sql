DROP TABLE web_processes;
