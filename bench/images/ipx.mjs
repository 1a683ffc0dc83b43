// ipx as its documentation has it, over the folder PHOTOS, on PORT.
import { createServer } from "node:http";
import { createIPX, createIPXNodeServer, ipxFSStorage } from "ipx";

const { PHOTOS, PORT } = process.env;
const ipx = createIPX({ storage: ipxFSStorage({ dir: PHOTOS }) });

createServer(createIPXNodeServer(ipx)).listen(PORT, "127.0.0.1");
