"""The files of deploy/: the topology, what is generated from it, and the check of an operator's copy.

topology.py parts, machines and rules · topologyfile.py reads them · lines.py and yamlfile.py the lines of keys ·
problem.py what is wrong with a file · nftables.py, networkpolicies.py, securitygroups.py and table.py generate ·
generated.py all generated files · generate.py the command deploy/generate · check.py `chatserver check --deploy`, with
containers.py and proxies.py
"""
