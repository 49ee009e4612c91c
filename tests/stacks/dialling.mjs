// Socket.IO's client as the page's wire takes it, for Node: it dials the platform named last by `dialAs`, and shows the cookies that a browser would.

import { io as dial } from "socket.io-client";

let platform = "";
let cookie = "";

/** @param {string} address @param {string} cookies */
export function dialAs(address, cookies) {
  platform = address;
  cookie = cookies;
}

/** @param {string} namespace @param {object} options */
export const io = (namespace, options) => dial(platform + namespace, { ...options, extraHeaders: { Cookie: cookie } });
