/** Also in package.json; a test holds the two together. Not read from there, so that the executable needs no file. */
export const VERSION = "0.1.0";
