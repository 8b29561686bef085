/** The tests say themselves what they configure; nothing of this machine is read. */
process.env["DOMSNAP_CONFIG"] = "";
